"""Kinds of losses: settings that are a function of a network's outputs and the target."""
