"""Fill performance histograms from bundles and shards."""
