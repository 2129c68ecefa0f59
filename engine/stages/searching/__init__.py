"""Search for settings of a model."""
