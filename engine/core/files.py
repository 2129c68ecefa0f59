"""Writing files so that they are there whole or not at all."""

import errno
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from lineshape.engine.core.errors import StorageError

#: A disk that is full, over its quota, read-only or not ours, or a file that may not grow so large.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
#: Seconds after which a temporary file is nobody's.
_LEFT_BEHIND = 3600.0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes when it does not.

    Its bytes are on the disk before it has the name: a machine that loses its power leaves no half of a file.

    Raises StorageError where the disk has no room for it.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if told := storage_error(path, error):
            raise told from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def storage_error(path: Path, error: OSError) -> StorageError | None:
    """Return what a user is told where a file of the run's own cannot be written; None where that may pass."""
    if error.errno not in _NO_ROOM:
        return None
    return StorageError(
        f"cannot write {path}: {os.strerror(error.errno or 0)}; make room, or name another run folder with -o, "
        "and run the same command again: what is done is kept"
    )


def sweep(folder: Path) -> None:
    """Remove temporary files that killed processes left; a young one may be another process's work of this moment."""
    for left in folder.rglob(".*.tmp"):
        with suppress(FileNotFoundError):
            if left.is_file() and time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                left.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n", encoding="utf-8")
