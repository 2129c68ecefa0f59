"""Kinds of encoders: from a list of tracks or clusters to numbers that dense layers can take."""
