"""Rows of a training, from shards to batches."""
