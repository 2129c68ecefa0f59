"""Run by the process that workers are forked from alone: import the libraries that each of them needs."""

import os
import signal
from importlib import import_module
from typing import Final

from lineshape.engine.core.module_paths import PATHS, search_like_parent

_LIBRARIES: Final = ("distributed.nanny", "hist", "pyarrow.parquet", "uproot", "coffea.nanoevents", "pydantic")

# Ctrl-C is for the command, which then stops its workers; neither they nor this process need complain of it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
search_like_parent()
for _library in _LIBRARIES:
    import_module(_library)
# What a worker starts is as if the command had: these were for this process.
del os.environ[PATHS], os.environ["PYTHONSAFEPATH"]
