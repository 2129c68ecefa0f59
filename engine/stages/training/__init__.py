"""From shards to bundles."""
