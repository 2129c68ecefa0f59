"""What becomes of values that are not finite, however deep in lists they are."""

import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import pytest

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError, ProcessorError
from lineshape.engine.core.settings import Settings
from lineshape.engine.execution.failures import Cause, classify
from lineshape.engine.feature_store.event_numbers import different
from lineshape.engine.feature_store.shards import read_info
from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.processor import Selected
from lineshape.engine.stages.processing.make_shards import ShardPlan, make_shard

NAN = float("nan")
BRANCHES = {"event": "number", "covariance": "matrix", "links": "links"}
CHUNK = Chunk(FileRecord("s", "file.root", "tree", "uuid", 4, 0, BRANCHES), 0, 4)


class Reader:
    """Events with a NaN in the second and in the last."""

    def events(self, chunk: Chunk) -> ak.Array:
        covariances = [[[1.0, 2.0], []], [[3.0], [4.0, NAN]], [], [[NAN]]]
        links = [[[{"key": 1, "index": 0}]], [], [], [[]]]
        events = ak.Array({"event": [1, 2, 3, 4], "covariance": covariances, "links": links})
        return events[chunk.start : chunk.stop]


class Events:
    """The number of each event."""

    Settings: ClassVar[type[Settings]] = Settings
    inputs: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {}
    outputs: ClassVar[Mapping[str, Column]] = {}

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def process(self, events: ak.Array) -> Selected:
        self.seen = events["event"].to_list()
        return Selected({"event": ak.flatten(events["event"], axis=None)}, {}, {})


def plan(folder: Path, nonfinite: str) -> ShardPlan:
    return ShardPlan("events", Settings(), "fingerprint", folder, nonfinite)


def test_events_with_nan_in_lists_of_lists_are_dropped(tmp_path: Path) -> None:
    processor = Events()
    make_shard(plan(tmp_path, "drop"), processor, Reader(), CHUNK)
    assert processor.seen == [1, 3]


def test_nan_in_lists_of_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="branch matrix holds NaN or infinite values in 2 of 4 entries, first in entry 1"
    ):
        make_shard(plan(tmp_path, "refuse"), Events(), Reader(), CHUNK)


class Raising(Events):
    """Fails as a user's own code may."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def process(self, events: ak.Array) -> Selected:
        raise self.error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (FileNotFoundError("corrections.json"), Cause.PROCESSOR),
        (zlib.error("of a payload of its own"), Cause.PROCESSOR),
        (struct.error("unpack requires a buffer"), Cause.PROCESSOR),
        (KeyError("a column that is not there"), Cause.PROCESSOR),
        (DataError("column pt has one value an event"), Cause.CORRUPT),
        (OSError(5, "Input/output error"), Cause.TRANSIENT),
        (MemoryError(), Cause.TRANSIENT),
    ],
)
def test_what_a_processor_raises_is_its_own_and_no_files(error: Exception, cause: Cause, tmp_path: Path) -> None:
    """A run stops early where the processor fails on everything, and not where files are corrupt."""
    with pytest.raises(type(error) if cause is not Cause.PROCESSOR else ProcessorError) as raised:
        make_shard(plan(tmp_path, "drop"), Raising(error), Reader(), CHUNK)
    failure = classify(raised.value)
    assert failure.cause is cause
    if cause is Cause.PROCESSOR:
        assert f"{type(error).__name__}: {error} ({__file__}, line " in failure.reason


class Numbered(Reader):
    """Events with numbers that may be none."""

    def __init__(self, numbers: ak.Array) -> None:
        self.numbers = numbers

    def events(self, chunk: Chunk) -> ak.Array:
        return ak.Array({"event": self.numbers})


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (np.array([1, 2, 3, 3_000_000_001], np.float32), "its type is float32, which is exact below 16,777,216 alone"),
        (np.array([1, 2, -3, 4]), r"found -3 in entry 2"),
        (ak.Array([[1], [2, 3], [], [4]]), "expected one number an event, found lists"),
    ],
)
def test_event_numbers_that_are_none_are_told_of_their_file(numbers: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"file.root: branch number, column event: .*{said}"):
        make_shard(plan(tmp_path, "refuse"), Events(), Numbered(numbers), CHUNK)


def test_a_list_of_one_number_an_event_will_do(tmp_path: Path) -> None:
    processor = Events()
    make_shard(plan(tmp_path, "refuse"), processor, Numbered(ak.Array([[1], [2], [3], [2**40]])), CHUNK)
    assert processor.seen == [[1], [2], [3], [2**40]]


class Renumbering(Events):
    """Returns event numbers that were rounded on the way."""

    def process(self, events: ak.Array) -> Selected:
        return Selected({"event": ak.Array(np.array([2.0**53] * 4))}, {}, {})


def test_event_numbers_that_a_processor_spoils_are_its_own_fault(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="column event, as the processor returns it: expected event numbers"):
        make_shard(plan(tmp_path, "drop"), Renumbering(), Reader(), CHUNK)


def test_a_shard_tells_how_many_events_it_is_of(tmp_path: Path) -> None:
    made = plan(tmp_path, "drop")
    make_shard(made, Events(), Reader(), CHUNK)
    assert different(read_info(made.path(CHUNK)).events) == 2
