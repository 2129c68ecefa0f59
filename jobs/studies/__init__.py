"""Job files of the studies, one each."""
