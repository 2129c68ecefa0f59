"""Kinds of penalties: what is added to a loss, of a whole batch at once."""
