"""In the process that workers are forked from: import the libraries that each of them needs."""

import os
import signal
import sys
from importlib import import_module
from typing import Final

#: Where the process that starts this one looks for modules.
PATHS: Final = "LINESHAPE_WORKER_PATHS"
SAFE_PATH: Final = "PYTHONSAFEPATH"
#: Value of that variable where it is not a user's.
OURS: Final = "lineshape"
_LIBRARIES: Final = ("distributed.nanny", "hist", "pyarrow.parquet", "uproot", "coffea.nanoevents", "pydantic")

if paths := os.environ.pop(PATHS, ""):
    # Ctrl-C is for the command, which then stops its workers; neither they nor this process need complain of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.get(SAFE_PATH) == OURS:
        del os.environ[SAFE_PATH]
    sys.path[:] = paths.split(os.pathsep)
    for _name in _LIBRARIES:
        import_module(_name)
