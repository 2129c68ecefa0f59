"""Know the code that a process has imported, so that workers that outlive a change of it can be told."""

import hashlib
import sys
from pathlib import Path

from lineshape.engine.core.errors import is_installed

#: Digest of the file of each module that is not of an installed package, when this process first knew of it.
_KNOWN: dict[str, tuple[str, str]] = {}
_number = 0


def note_imported() -> None:
    """Record the modules that were imported since this was last called; it costs nothing where there are none."""
    global _number  # noqa: PLW0603 - what a process has imported is of the process
    if len(sys.modules) == _number:
        return
    _number = len(sys.modules)
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if name not in _KNOWN and isinstance(file, str) and file.endswith(".py") and not is_installed(file):
            _KNOWN[name] = file, _digest_of(file)


def changed_since() -> list[str]:
    """Return the files of modules that have changed since this process imported them."""
    return sorted({file for file, known in _KNOWN.values() if _digest_of(file) not in (known, "")})


def _digest_of(file: str) -> str:
    try:
        return hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return ""
