"""How much memory a training may fill with rows."""

import os


def default_memory() -> float:
    """Bytes: a quarter of the machine's, shared among as many workers as it grants cores."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return machine / 4 / len(os.sched_getaffinity(0))
