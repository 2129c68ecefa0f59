"""Kinds of measures, found by their names in a job file."""
