"""The process that workers of a local cluster are forked from: it imports once what each of them needs.

A worker that is spawned takes seconds of a core to import Dask, coffea and uproot; one that is forked has them. The
process stays, idle, for the next cluster, until the one that started it ends.
"""

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from threading import Lock
from typing import Final

from lineshape.engine.core.module_paths import module_paths

_STARTING: Final = Lock()
#: Of strings: that which Dask gives to workers it spawns, so that sets have one order in all of them.
_HASHES: Final = {"PYTHONHASHSEED": "6640"}


def start_forkserver(environment: Mapping[str, str]) -> None:
    """Start it in this process's environment, and these variables, unless it runs.

    A worker is forked with the variables of that time; those of its own time are for its nanny to set.
    """
    import distributed.utils

    # Else Dask has the server import packages by their names in the working folder, and this process pandas.
    distributed.utils._forkserver_preload_set = True
    # Until the server knows where this process looks for modules, a script in the working folder is no library.
    with _STARTING, _set({**_HASHES, **environment, **module_paths(), "PYTHONSAFEPATH": "1"}):
        multiprocessing.get_context("forkserver").set_forkserver_preload(["lineshape.engine.clusters.preload"])
        forkserver.ensure_running()


@contextmanager
def _set(values: Mapping[str, str]) -> Iterator[None]:
    """Variables of the environment, for as long as the block takes."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
