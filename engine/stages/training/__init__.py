"""Train bundles on shards."""
