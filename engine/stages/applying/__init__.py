"""Apply bundles to files: for each input file an output with the same entries, aligned with its objects."""
