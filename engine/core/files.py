"""Write files atomically: each is either complete or absent."""

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

#: Errors of a full, over-quota, read-only or forbidden disk, and of a file beyond the size limit.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG}
#: Age in seconds from which a temporary file counts as left behind.
_LEFT_BEHIND = 3600.0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds and is removed if it fails.

    The content is flushed to disk before the file is renamed: a power failure leaves no partial file.

    Raises StorageError where the file cannot be written for lack of space or permission.
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
    """Return the StorageError for a file of the run that cannot be written; None where the error may be transient."""
    if error.errno not in _NO_ROOM:
        return None
    return StorageError(
        f"cannot write {path}: {os.strerror(error.errno or 0)}; make room, or name another run folder with -o, "
        "and run the same command again: what is done is kept"
    )


def sweep(folder: Path) -> None:
    """Remove temporary files left by killed processes; those younger than an hour may be in use by another process."""
    for left in folder.rglob(".*.tmp"):
        with suppress(FileNotFoundError):
            if left.is_file() and time.time() - left.stat().st_mtime > _LEFT_BEHIND:
                left.unlink()


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=False) + "\n", encoding="utf-8")
