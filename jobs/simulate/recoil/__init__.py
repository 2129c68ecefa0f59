"""Simulate W and Z bosons and the particles that they recoil against."""
