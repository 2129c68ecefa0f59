"""Kinds of sums of generated weights: where the formats of files keep them."""
