"""What to do after a failure: decided from what happened, without I/O."""

from dataclasses import dataclass
from enum import Enum

from lineshape.engine.errors import DataError, LineshapeError


class Cause(Enum):
    """The class of an error."""

    TRANSIENT = "transient"
    CORRUPT = "corrupt"
    PROCESSOR = "processor"
    KILLED = "killed its worker"


@dataclass(frozen=True)
class Failure:
    """A failure as data, small and picklable."""

    cause: Cause
    reason: str


#: Attempts at one item, the first included, by the class of its last error.
ATTEMPTS = {Cause.TRANSIENT: 4, Cause.KILLED: 2, Cause.CORRUPT: 1, Cause.PROCESSOR: 1}

# cramjam.DecompressionError and zlib.error are no OSError; they are told by name so that neither need be imported.
_CORRUPT_NAMES = {"DecompressionError", "error", "DeserializationError", "KeyInFileError", "LZ4BlockError", "ZstdError"}
_CORRUPT_TEXT = ("truncat", "expected", "not a root file", "end of file", "eof")


def classify(error: BaseException) -> Failure:
    """The failure that an exception stands for.

    A missing file or one that is not ROOT is corrupt: no retry can help. Any other OSError may pass (an overloaded
    file server), so it is transient. What is neither comes from the processor.
    """
    reason = str(error) if isinstance(error, LineshapeError) else f"{type(error).__name__}: {error}"
    reason = reason.strip().split("\n\n")[0]
    if isinstance(error, DataError | FileNotFoundError | IsADirectoryError | PermissionError):
        return Failure(Cause.CORRUPT, reason)
    if type(error).__name__ in _CORRUPT_NAMES:
        return Failure(Cause.CORRUPT, reason)
    if isinstance(error, OSError | TimeoutError):
        lowered = reason.lower()
        permanent = any(text in lowered for text in _CORRUPT_TEXT)
        return Failure(Cause.CORRUPT if permanent else Cause.TRANSIENT, reason)
    if type(error).__name__ == "KilledWorker":
        return Failure(Cause.KILLED, "the worker died while it was at work here, more than once (out of memory?)")
    return Failure(Cause.PROCESSOR, reason)


def try_again(failure: Failure, attempts: int) -> bool:
    """Whether an item that failed after this many attempts is tried once more."""
    return attempts < ATTEMPTS[failure.cause]


def back_off(attempts: int) -> float:
    """Seconds to wait before the next attempt: 0.5, 1, 2, …, at most 30."""
    return float(min(0.5 * 2 ** (attempts - 1), 30.0))
