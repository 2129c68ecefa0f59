"""How many threads a training may use."""

import os


def threads() -> int:
    """What OMP_NUM_THREADS grants, which each Dask worker sets; all cores of this process where it is not set."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) > 0 else len(os.sched_getaffinity(0))
