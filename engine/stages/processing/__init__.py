"""Process ROOT files into shards."""
