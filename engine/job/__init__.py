"""Read and check the job file, and build from it what a run needs."""
