"""Measure how features moved since the champion was trained."""
