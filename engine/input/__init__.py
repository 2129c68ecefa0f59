"""ROOT files: where they lie, what is in them, and how a processor sees their events."""
