"""Hadronic taus as they are observed and reconstructed."""
