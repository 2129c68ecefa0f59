"""Simulate what precedes the detector: kinematics, hard processes, decays, generators."""
