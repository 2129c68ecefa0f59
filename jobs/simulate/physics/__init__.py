"""What is simulated before the detector: kinematics, hard processes, decays, generators."""
