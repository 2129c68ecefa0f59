"""Kinds of encoders: modules that turn a list of tracks or clusters into a fixed number of values for dense layers."""
