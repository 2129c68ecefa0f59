"""What is done after a failure, driven by a table of errors."""

import lzma
import re
import struct
import zlib
from types import SimpleNamespace

import aiohttp
import cramjam
import pytest
from distributed import scheduler
from isal import isal_zlib

from lineshape.engine.core.errors import DataError, ProcessorError, StorageError
from lineshape.engine.execution.failures import ATTEMPTS, Cause, Failure, back_off, classify, try_again


class error(Exception):  # noqa: N801, N818 - a user's, named as zlib's
    pass


class KilledWorker(Exception):  # noqa: N818 - a user's, named as Dask's
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
        (isal_zlib.error("incomplete or truncated stream"), Cause.CORRUPT),
        (cramjam.DecompressionError("bad frame"), Cause.CORRUPT),
        (scheduler.KilledWorker("task", SimpleNamespace(address="tcp://127.0.0.1:1"), 3), Cause.KILLED),
        (MemoryError(), Cause.TRANSIENT),
        (scheduler.NoValidWorkerError("task", set(), set(), {}, 1.0), Cause.CLUSTER),
        (StorageError("disk full"), Cause.STORAGE),
        (lzma.LZMAError("corrupt input"), Cause.CORRUPT),
        (error("a user's own"), Cause.PROCESSOR),
        (re.error("bad pattern"), Cause.PROCESSOR),
        (struct.error("unpack requires a buffer"), Cause.PROCESSOR),
        (KilledWorker("a user's own"), Cause.PROCESSOR),
        (ProcessorError("FileNotFoundError: corrections.json"), Cause.PROCESSOR),
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


def test_a_stack_of_cpp_is_not_shown() -> None:
    said = "[04:15:29] /__w/data/data.cc:576: Check failed: valid: Weights must be positive.\nStack trace:\n  [bt] (0)"
    assert classify(ValueError(said)).reason == "ValueError: valid: Weights must be positive."
    assert classify(ValueError("first\nline\n\nsecond paragraph")).reason == "ValueError: first line"
