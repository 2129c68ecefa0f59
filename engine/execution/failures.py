"""Classify failures and decide what follows them, without I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lineshape.engine.core.errors import DataError, LineshapeError, ProcessorError, StorageError, plainly


class Cause(Enum):
    """Class of an error."""

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


#: Maximum number of attempts at one item, the first included, by the class of its last error.
ATTEMPTS = dict.fromkeys(Cause, 1) | {Cause.TRANSIENT: 4, Cause.KILLED: 2}

#: Number of chunks failed in the processor, with none that succeeded, at which a run stops.
HOPELESS = 16

_BY_TYPE: dict[tuple[type[BaseException], ...], Cause] = {
    (StorageError,): Cause.STORAGE,
    (ProcessorError,): Cause.PROCESSOR,
    (DataError, FileNotFoundError, IsADirectoryError, PermissionError): Cause.CORRUPT,
    (MemoryError,): Cause.TRANSIENT,
}
#: Errors by package and class name, so that the packages need not be imported; none is an OSError.
_BY_NAME: dict[tuple[str, str], Cause] = {
    ("_block", "LZ4BlockError"): Cause.CORRUPT,  # the module name of lz4.block
    ("_lzma", "LZMAError"): Cause.CORRUPT,
    ("_zstd", "ZstdError"): Cause.CORRUPT,
    ("cramjam", "DecompressionError"): Cause.CORRUPT,
    ("uproot", "DeserializationError"): Cause.CORRUPT,
    ("uproot", "KeyInFileError"): Cause.CORRUPT,
    ("zlib", "error"): Cause.CORRUPT,
    ("igzip_lib", "IsalError"): Cause.CORRUPT,
    ("zstandard", "ZstdError"): Cause.CORRUPT,
    ("distributed", "FutureCancelledError"): Cause.CLUSTER,
    ("distributed", "KilledWorker"): Cause.KILLED,
    ("distributed", "NoValidWorkerError"): Cause.CLUSTER,
}
_CORRUPT_TEXT = re.compile(r"truncat|expected chunk|expected \d|not a root file|end of file", re.IGNORECASE)


def classify(error: BaseException) -> Failure:
    """Return the failure that an exception stands for.

    It is of class storage where the run's own files cannot be written, and cluster where the scheduler or all workers
    are gone: no chunk is to blame, and the run stops. A missing, truncated or damaged file, or one that is not ROOT, is
    corrupt: no retry can help. Any other OSError (an overloaded file server) and a lack of memory are transient.
    Everything else, and every ProcessorError whatever its cause, belongs to the processor.
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
        # A web server's own errors (5xx), time-outs (408) and rate limits (429), and broken connections, are transient.
        status = getattr(error, "status", 500)
        return Cause.TRANSIENT if status >= 500 or status in {408, 429} else Cause.CORRUPT
    if isinstance(error, OSError | TimeoutError):
        return Cause.CORRUPT if _CORRUPT_TEXT.search(reason) else Cause.TRANSIENT
    return Cause.PROCESSOR


def try_again(failure: Failure, attempts: int) -> bool:
    """Return whether an item that failed after this many attempts is retried."""
    return attempts < ATTEMPTS[failure.cause]


def hopeless(failures: Sequence[Failure], succeeded: int) -> bool:
    """Return whether to stop early: nothing succeeded, and many chunks failed, all in the processor itself."""
    return succeeded == 0 and len(failures) >= HOPELESS and all(item.cause is Cause.PROCESSOR for item in failures)


def back_off(attempts: int) -> float:
    """Return the seconds to wait before the next attempt: 0.5, 1, 2, …, at most 30."""
    return float(min(0.5 * 2 ** (attempts - 1), 30.0))
