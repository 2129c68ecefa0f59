"""The process that workers of a local cluster are forked from: it imports once what each of them needs.

A worker that is spawned takes seconds of a core to import Dask, coffea and uproot; one that is forked has them.
"""

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import forkserver
from threading import Lock
from typing import Final

from lineshape.engine.clusters.preload import OURS, PATHS, SAFE_PATH

_STARTING: Final = Lock()


def start_forkserver(environment: Mapping[str, str]) -> None:
    """Start it in an environment, unless it runs."""
    import distributed.utils

    # Else Dask has the server import packages by their names in the working folder, and this process pandas.
    distributed.utils._forkserver_preload_set = True
    # Until the server knows where this process looks for modules, a script in the working folder is no library.
    safe = {} if os.environ.get(SAFE_PATH) else {SAFE_PATH: OURS}
    with _STARTING, _set({**environment, **safe, PATHS: os.pathsep.join(sys.path)}):
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
