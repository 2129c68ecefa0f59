"""The stages of a run. None imports another: they share only what is on disk."""
