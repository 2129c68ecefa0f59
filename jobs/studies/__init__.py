"""Hold the job files of the studies, one each."""
