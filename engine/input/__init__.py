"""ROOT files: where they are, what they contain, and how a processor sees their events."""
