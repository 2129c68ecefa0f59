"""Simulate samples: one file per family, and what families share."""
