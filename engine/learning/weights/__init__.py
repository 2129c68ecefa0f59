"""Kinds of weights: rules for how much each row counts in a training, derived from the training rows."""
