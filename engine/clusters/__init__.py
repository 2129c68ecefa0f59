"""Clusters that a run's tasks are sent to: one file per kind of cluster."""
