"""Where a process that this one starts looks for modules: no script in the working folder is taken for a library."""

import os
import sys
from typing import Final

#: Variable of the environment: the folders in which the process that started this one finds modules.
PATHS: Final = "LINESHAPE_PATHS"


def module_paths() -> dict[str, str]:
    """Return the variable for a process to be started, in a safe path (-P, PYTHONSAFEPATH), from this one."""
    return {PATHS: os.pathsep.join(map(os.path.abspath, sys.path))}


def search_like_parent() -> None:
    """Find modules where the process that started this one does, but after all that is found already.

    A notebook's own folder is such a place: its modules are found, and a `hist.py` in it does not become a library.
    """
    sys.path += [path for path in os.environ.get(PATHS, "").split(os.pathsep) if path and path not in sys.path]
