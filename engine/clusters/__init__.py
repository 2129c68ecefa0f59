"""Where a run's tasks go: one file per kind of cluster."""
