"""Building blocks of networks: batches, dense layers and scaling."""
