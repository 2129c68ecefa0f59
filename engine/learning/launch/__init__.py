"""Run a training: in a worker's process, in ranks of its own, or on several workers."""
