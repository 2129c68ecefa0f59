"""Module search paths of child processes, without the working folder, so that no script in it shadows a library."""

import os
import sys
from typing import Final

#: Environment variable: the folders in which the parent process finds modules.
PATHS: Final = "LINESHAPE_PATHS"


def module_paths() -> dict[str, str]:
    """Return the variable that passes this process's module paths to a child process run with -P (PYTHONSAFEPATH)."""
    return {PATHS: os.pathsep.join(map(os.path.abspath, sys.path))}


def search_like_parent() -> None:
    """Append the parent process's module paths to those of this process.

    A notebook's own folder may be one of them: its modules are found, but a `hist.py` in it does not shadow the
    library.
    """
    sys.path += [path for path in os.environ.get(PATHS, "").split(os.pathsep) if path and path not in sys.path]
