"""Hold the families of simulated samples, one a file, that a job file may name."""
