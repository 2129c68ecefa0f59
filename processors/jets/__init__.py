"""Jets: sequential recombination, grooming and substructure, compiled by numba."""
