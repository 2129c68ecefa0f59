"""Import the libraries that workers need; run only by the process that workers are forked from."""

import os
import signal
from importlib import import_module
from typing import Final

from lineshape.engine.core.module_paths import PATHS, search_like_parent

_LIBRARIES: Final = ("distributed.nanny", "hist", "pyarrow.parquet", "uproot", "coffea.nanoevents", "pydantic")

# Ctrl-C is for the command, which then stops its workers; they and this process ignore it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
search_like_parent()
for _library in _LIBRARIES:
    import_module(_library)
# These variables were for this process: children of workers get the command's environment.
del os.environ[PATHS], os.environ["PYTHONSAFEPATH"]
