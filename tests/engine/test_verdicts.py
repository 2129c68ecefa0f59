"""What is done after a failure, driven by a table of errors."""

import zlib

import aiohttp
import cramjam
import pytest

from lineshape.engine.errors import DataError, StorageError
from lineshape.engine.verdicts import ATTEMPTS, Cause, Failure, back_off, classify, try_again


class KilledWorker(Exception):  # noqa: N818 - named as Dask's, which is told by its name
    pass


class NoValidWorkerError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OSError("connection reset by peer"), Cause.TRANSIENT),
        (TimeoutError("no answer"), Cause.TRANSIENT),
        (OSError("expected Chunk of length 799, received 3"), Cause.CORRUPT),
        (FileNotFoundError("x.root"), Cause.CORRUPT),
        (OSError("https://server/expected_yields/a.root: the server answers 503"), Cause.TRANSIENT),
        (OSError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred"), Cause.TRANSIENT),
        (aiohttp.ServerDisconnectedError(), Cause.TRANSIENT),
        (DataError("no tree"), Cause.CORRUPT),
        (zlib.error("incorrect header check"), Cause.CORRUPT),
        (cramjam.DecompressionError("bad frame"), Cause.CORRUPT),
        (KilledWorker("worker died"), Cause.KILLED),
        (MemoryError(), Cause.TRANSIENT),
        (NoValidWorkerError("no worker"), Cause.CLUSTER),
        (StorageError("disk full"), Cause.STORAGE),
        (ValueError("in the processor"), Cause.PROCESSOR),
        (ZeroDivisionError("division by zero"), Cause.PROCESSOR),
    ],
)
def test_class_of_an_error(error: Exception, cause: Cause) -> None:
    failure = classify(error)
    assert failure.cause is cause
    assert failure.reason


@pytest.mark.parametrize("cause", Cause)
def test_attempts_are_bounded(cause: Cause) -> None:
    failure = Failure(cause, "")
    tried = 1
    while try_again(failure, tried):
        tried += 1
    assert tried == ATTEMPTS[cause]


def test_back_off_grows_to_a_limit() -> None:
    assert [back_off(attempt) for attempt in (1, 2, 3, 4, 20)] == [0.5, 1.0, 2.0, 4.0, 30.0]
