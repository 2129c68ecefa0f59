"""How much of the machine a training may use."""

import os


def default_memory() -> float:
    """Return bytes for rows: a quarter of the machine's, shared among as many workers as it grants cores."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return machine / 4 / len(os.sched_getaffinity(0))


def threads() -> int:
    """Return what OMP_NUM_THREADS grants, which each Dask worker sets; else the number of this process's cores."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) > 0 else len(os.sched_getaffinity(0))
