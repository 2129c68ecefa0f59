"""Tasks on Dask workers: a bounded number in flight, retries, memory, progress."""
