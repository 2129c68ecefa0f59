"""The feature store: shards of columns, and partial sums over them."""
