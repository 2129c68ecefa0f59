"""Kinds of weights: how much each row counts in a training, found from the rows themselves."""
