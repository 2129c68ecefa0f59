"""The search for settings of a model."""
