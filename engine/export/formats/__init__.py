"""Formats of exported models, found by their names."""
