"""Run tasks on Dask workers, with a bounded number in flight, retries, memory estimates and progress."""
