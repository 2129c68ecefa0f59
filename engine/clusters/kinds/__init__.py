"""Kinds of cluster, found by their names in a job file."""
