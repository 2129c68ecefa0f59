"""Determine how much memory and how many threads a training may use."""

import os


def default_memory() -> float:
    """Return bytes for rows: a quarter of the machine's memory, divided by the number of this process's cores."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return machine / 4 / len(os.sched_getaffinity(0))


def threads() -> int:
    """Return OMP_NUM_THREADS, which each Dask worker sets; without it, the number of this process's cores."""
    granted = os.environ.get("OMP_NUM_THREADS", "")
    return int(granted) if granted.isdigit() and int(granted) > 0 else len(os.sched_getaffinity(0))
