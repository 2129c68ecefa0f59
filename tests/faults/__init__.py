"""Faults to inject into real runs."""
