"""Kinds of models: quantities that are already in the file, boosted trees, neural networks."""
