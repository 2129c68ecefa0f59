"""What becomes of values that are not finite, however deep in lists they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import awkward as ak
import pytest

from lineshape.engine.catalogue import Chunk, FileRecord
from lineshape.engine.columns import Column
from lineshape.engine.errors import DataError
from lineshape.engine.processor import Selected
from lineshape.engine.settings import Settings
from lineshape.engine.sharding import Plan, make_shard

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
    reads: ClassVar[Mapping[str, str | tuple[str | None, ...]]] = {}
    makes: ClassVar[Mapping[str, Column]] = {}

    def __init__(self) -> None:
        self.seen: list[int] = []

    def process(self, events: ak.Array) -> Selected:
        self.seen = events["event"].to_list()
        return Selected({"event": events["event"]}, {}, {})


def plan(folder: Path, nonfinite: str) -> Plan:
    return Plan("events", Settings(), "fingerprint", folder, nonfinite)


def test_events_with_nan_in_lists_of_lists_are_dropped(tmp_path: Path) -> None:
    processor = Events()
    make_shard(plan(tmp_path, "drop"), processor, Reader(), CHUNK)
    assert processor.seen == [1, 3]


def test_nan_in_lists_of_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match="branch matrix holds NaN or infinite values in 2 of 4 entries, first in entry 1"
    ):
        make_shard(plan(tmp_path, "refuse"), Events(), Reader(), CHUNK)
