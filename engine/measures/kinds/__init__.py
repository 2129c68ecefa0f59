"""Kinds of measure, found by their names in a job file."""
