"""The rows of a training, from shards to batches."""
