"""Simulation of samples: one file per family, and what they share."""
