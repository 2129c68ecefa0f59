"""Simulate the detector: tracking, calorimeter, pile-up, particle flow."""
