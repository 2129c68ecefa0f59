"""How a training runs: in a worker, in ranks of its own, or on several workers."""
