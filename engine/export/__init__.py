"""Export models as files for other software, and check that these give the same predictions."""
