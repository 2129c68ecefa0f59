"""Models as files of other software, and the proof that those say the same."""
