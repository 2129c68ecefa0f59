"""The kinds of variations."""
