"""What to do after a failure: decided from what happened, without I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lineshape.engine.errors import DataError, LineshapeError, StorageError


class Cause(Enum):
    """The class of an error."""

    TRANSIENT = "transient"
    CORRUPT = "corrupt"
    PROCESSOR = "processor"
    KILLED = "killed its worker"
    STORAGE = "storage"


@dataclass(frozen=True)
class Failure:
    """A failure as data, small and picklable."""

    cause: Cause
    reason: str


#: Attempts at one item, the first included, by the class of its last error.
ATTEMPTS = {Cause.TRANSIENT: 4, Cause.KILLED: 2, Cause.CORRUPT: 1, Cause.PROCESSOR: 1, Cause.STORAGE: 1}

#: Chunks that fail in the processor, with none that succeeds, after which a run stops.
HOPELESS = 16

# cramjam.DecompressionError and zlib.error are no OSError; they are told by name so that neither need be imported.
_CORRUPT_NAMES = {"DecompressionError", "error", "DeserializationError", "KeyInFileError", "LZ4BlockError", "ZstdError"}
_CORRUPT_TEXT = re.compile(r"truncat|expected chunk|expected \d|not a root file|end of file", re.IGNORECASE)


def classify(error: BaseException) -> Failure:
    """The failure that an exception stands for.

    Where the run's own files cannot be written it is storage: no chunk is to blame, and the run stops. A missing file
    or one that is not ROOT is corrupt: no retry can help. Any other OSError may pass (an overloaded
    file server), so it is transient. What is neither comes from the processor.
    """
    reason = str(error) if isinstance(error, LineshapeError) else f"{type(error).__name__}: {error}"
    reason = reason.strip().split("\n\n")[0]
    if isinstance(error, StorageError):
        return Failure(Cause.STORAGE, reason)
    known = isinstance(error, DataError | FileNotFoundError | IsADirectoryError | PermissionError)
    if known or type(error).__name__ in _CORRUPT_NAMES:
        return Failure(Cause.CORRUPT, reason)
    if type(error).__module__.startswith("aiohttp"):
        # Of a web server: its own trouble, a broken connection, and what it says of too many requests may pass.
        status = getattr(error, "status", 500)
        return Failure(Cause.TRANSIENT if status >= 500 or status in {408, 429} else Cause.CORRUPT, reason)
    if isinstance(error, OSError | TimeoutError):
        permanent = _CORRUPT_TEXT.search(reason) is not None
        return Failure(Cause.CORRUPT if permanent else Cause.TRANSIENT, reason)
    if type(error).__name__ == "KilledWorker":
        return Failure(Cause.KILLED, "the worker died while it was at work here, more than once (out of memory?)")
    return Failure(Cause.PROCESSOR, reason)


def try_again(failure: Failure, attempts: int) -> bool:
    """Whether an item that failed after this many attempts is tried once more."""
    return attempts < ATTEMPTS[failure.cause]


def hopeless(failures: Sequence[Failure], succeeded: int) -> bool:
    """Whether to stop early: nothing succeeded, and the processor itself failed on every one of many chunks."""
    return succeeded == 0 and len(failures) >= HOPELESS and all(item.cause is Cause.PROCESSOR for item in failures)


def back_off(attempts: int) -> float:
    """Seconds to wait before the next attempt: 0.5, 1, 2, …, at most 30."""
    return float(min(0.5 * 2 ** (attempts - 1), 30.0))
