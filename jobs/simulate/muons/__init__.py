"""Simulate muons of all origins, and the detector that they go through."""
