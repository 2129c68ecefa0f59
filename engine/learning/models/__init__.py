"""Kinds of models: quantities that are in the file, boosted trees, neural networks."""
