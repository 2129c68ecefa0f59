"""Observe and reconstruct simulated hadronic taus."""
