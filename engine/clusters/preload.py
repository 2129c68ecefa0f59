"""In the process that workers are forked from: import the libraries that each of them needs."""

import os
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
    if os.environ.get(SAFE_PATH) == OURS:
        del os.environ[SAFE_PATH]
    sys.path[:] = paths.split(os.pathsep)
    for _name in _LIBRARIES:
        import_module(_name)
