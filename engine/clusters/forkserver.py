"""Start the process that workers of a local cluster are forked from, which imports what they need once.

A spawned worker takes seconds of CPU time to import Dask, coffea and uproot; a forked one has them already. The process
stays, idle, for the next cluster, until the process that started it ends.
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
#: Seed of string hashes, as Dask sets it for spawned workers, so that sets have the same order in all of them.
_HASHES: Final = {"PYTHONHASHSEED": "6640"}


def start_forkserver(environment: Mapping[str, str]) -> None:
    """Start the fork server with this process's environment and these variables, unless it is running.

    A worker is forked with the variables of that time; its nanny sets those that changed since.
    """
    import distributed.utils

    # Otherwise Dask makes the server import packages by name, also from the working folder, and this process pandas.
    distributed.utils._forkserver_preload_set = True
    # Until the server has this process's module paths, no script in the working folder may shadow a library.
    with _STARTING, _set({**_HASHES, **environment, **module_paths(), "PYTHONSAFEPATH": "1"}):
        multiprocessing.get_context("forkserver").set_forkserver_preload(["lineshape.engine.clusters.preload"])
        forkserver.ensure_running()


@contextmanager
def _set(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the block runs."""
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
