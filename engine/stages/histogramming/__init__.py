"""From bundles and shards to performance histograms."""
