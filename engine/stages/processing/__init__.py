"""From ROOT files to shards."""
