"""Write a first processor and job file from a look into a ROOT file."""
