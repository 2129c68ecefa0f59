"""The cost of a job before it runs: from a pilot, which is the same job in small."""
