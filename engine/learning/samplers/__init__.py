"""Kinds of samplers: how often each row is seen in an epoch."""
