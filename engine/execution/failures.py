"""What to do after a failure: decided from what happened, without I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lineshape.engine.core.errors import DataError, LineshapeError, ProcessorError, StorageError, plainly


class Cause(Enum):
    """The class of an error."""

    TRANSIENT = "transient"
    CORRUPT = "corrupt"
    PROCESSOR = "processor"
    KILLED = "killed its worker"
    STORAGE = "storage"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class Failure:
    """A failure as data, small and picklable."""

    cause: Cause
    reason: str


#: Attempts at one item, the first included, by the class of its last error.
ATTEMPTS = dict.fromkeys(Cause, 1) | {Cause.TRANSIENT: 4, Cause.KILLED: 2}

#: Chunks that fail in the processor, with none that succeeds, after which a run stops.
HOPELESS = 16

_BY_TYPE: dict[tuple[type[BaseException], ...], Cause] = {
    (StorageError,): Cause.STORAGE,
    (ProcessorError,): Cause.PROCESSOR,
    (DataError, FileNotFoundError, IsADirectoryError, PermissionError): Cause.CORRUPT,
    (MemoryError,): Cause.TRANSIENT,
}
#: Errors of packages that need not be imported for it, by the package and the name of the class; no OSError among them.
_BY_NAME: dict[tuple[str, str], Cause] = {
    ("_block", "LZ4BlockError"): Cause.CORRUPT,  # as lz4.block's module calls itself
    ("_lzma", "LZMAError"): Cause.CORRUPT,
    ("_zstd", "ZstdError"): Cause.CORRUPT,
    ("cramjam", "DecompressionError"): Cause.CORRUPT,
    ("uproot", "DeserializationError"): Cause.CORRUPT,
    ("uproot", "KeyInFileError"): Cause.CORRUPT,
    ("zlib", "error"): Cause.CORRUPT,
    ("zstandard", "ZstdError"): Cause.CORRUPT,
    ("distributed", "FutureCancelledError"): Cause.CLUSTER,
    ("distributed", "KilledWorker"): Cause.KILLED,
    ("distributed", "NoValidWorkerError"): Cause.CLUSTER,
}
_CORRUPT_TEXT = re.compile(r"truncat|expected chunk|expected \d|not a root file|end of file", re.IGNORECASE)


def classify(error: BaseException) -> Failure:
    """The failure that an exception stands for.

    Where the run's own files cannot be written it is storage, where the scheduler or all workers are gone it is the
    cluster: no chunk is to blame, and the run stops. A missing file or one that is not ROOT is corrupt: no retry can
    help. Any other OSError may pass (an overloaded file server), and so may a lack of memory: they are transient. What
    is none of these comes from the processor, and so does a ProcessorError, whatever was raised there.
    """
    reason = str(error) if isinstance(error, LineshapeError) else plainly(error)
    reason = reason.strip().split("\n\n")[0]
    cause = _cause(error, reason)
    if cause is Cause.KILLED:
        reason = "the worker died while it was at work here, more than once (out of memory?)"
    elif cause is Cause.CLUSTER:
        reason = f"the cluster was lost, or has no worker for the task: {reason}"
    elif isinstance(error, MemoryError):
        reason = f"out of memory: lower 'chunk_entries' in the job file, or give workers more ({reason})"
    return Failure(cause, reason)


def _cause(error: BaseException, reason: str) -> Cause:
    for types, cause in _BY_TYPE.items():
        if isinstance(error, types):
            return cause
    package = type(error).__module__.partition(".")[0]
    if known := _BY_NAME.get((package, type(error).__name__)):
        return known
    if package == "aiohttp":
        # Of a web server: its own trouble, a broken connection, and what it says of too many requests may pass.
        status = getattr(error, "status", 500)
        return Cause.TRANSIENT if status >= 500 or status in {408, 429} else Cause.CORRUPT
    if isinstance(error, OSError | TimeoutError):
        return Cause.CORRUPT if _CORRUPT_TEXT.search(reason) else Cause.TRANSIENT
    return Cause.PROCESSOR


def try_again(failure: Failure, attempts: int) -> bool:
    """Whether an item that failed after this many attempts is tried once more."""
    return attempts < ATTEMPTS[failure.cause]


def hopeless(failures: Sequence[Failure], succeeded: int) -> bool:
    """Whether to stop early: nothing succeeded, and the processor itself failed on every one of many chunks."""
    return succeeded == 0 and len(failures) >= HOPELESS and all(item.cause is Cause.PROCESSOR for item in failures)


def back_off(attempts: int) -> float:
    """Seconds to wait before the next attempt: 0.5, 1, 2, …, at most 30."""
    return float(min(0.5 * 2 ** (attempts - 1), 30.0))
