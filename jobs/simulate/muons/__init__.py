"""Muons of all origins, and the detector that they go through."""
