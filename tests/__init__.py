"""Tests: they mirror the folders of the package."""

import os

# Two files are tested side by side on two cores: threads that wait for one another would make each ten times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
