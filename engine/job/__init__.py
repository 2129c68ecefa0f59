"""The job file: how it is read, checked, and turned into what a run needs."""
