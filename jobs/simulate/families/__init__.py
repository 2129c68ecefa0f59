"""Families of simulated samples, one a file: what a job file may name."""
