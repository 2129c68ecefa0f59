"""Kinds of samplers: rules for how often each row is seen in an epoch."""
