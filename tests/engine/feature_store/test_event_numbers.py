"""Event numbers are taken exactly or refused, and too few different ones are said."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError, RunError
from lineshape.engine.feature_store.event_numbers import different, exact, merged, remark, sample_of
from lineshape.engine.feature_store.shards import ShardInfo, write_shard


@pytest.mark.parametrize(
    "values",
    [
        np.array([0, 2**64 - 1], np.uint64),
        np.array([0, 2**63 - 1], np.int64),
        np.array([7, 255], np.uint8),
        np.array([0, 2**53 - 1], np.float64),
        np.array([0, 2**24 - 1], np.float32),
    ],
)
def test_whole_numbers_stay_what_they_are(values: np.ndarray) -> None:
    assert exact(values, "event").tolist() == [int(value) for value in values]
    assert exact(values, "event").dtype == np.uint64


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            np.array([1, 2**24], np.float32),
            r"found 1.6777216e\+07 in entry 1 .* 1 of 2; its type is float32, .* 16,777,216",
        ),
        (np.array([2.0**53]), "its type is float64, which is exact below 9,007,199,254,740,992 alone"),
        (np.arange(5) + 2.0**64, "found 1.8446744073709552e\\+19 in entry 0 and the like in 5 of 5"),
        (np.array([0.5]), "expected event numbers, whole and not negative, found 0.5"),
        (np.array([3, -1], np.int32), "found -1 in entry 1 .* its type is int32; name a branch of integers"),
        (np.array([True, False]), "expected event numbers, found bool values; name a branch of integers"),
        (np.array(["a"]), "found <U1 values"),
    ],
)
def test_what_is_no_event_number_or_may_have_been_rounded_is_refused(values: np.ndarray, said: str) -> None:
    with pytest.raises(DataError, match=f"a.root: branch x: .*{said}"):
        exact(values, "a.root: branch x")


def test_no_shard_is_written_with_others(tmp_path: Path) -> None:
    columns = {"event": ak.Array([1.5]), "pt": ak.Array([1.0])}
    with pytest.raises(DataError, match="column event: expected event numbers"):
        write_shard(tmp_path / "s.parquet", columns, {"pt": Column("pt", "", 0, 1)}, ShardInfo({}, 1, {}, {}))
    assert not list(tmp_path.iterdir())


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=50), max_size=4))
def test_what_is_merged_is_as_of_all_at_once(parts: list[list[int]]) -> None:
    samples = [sample_of(np.array(part, np.uint64)) for part in parts]
    together = {number for part in parts for number in part}
    assert merged(samples) == sample_of(np.array(sorted(together), np.uint64))
    if len(together) < 64:
        assert different(merged(samples)) == len(together)


def test_many_are_estimated() -> None:
    """Within four standard deviations, 1/sqrt(62) each: one alarm in 16,000, and the numbers are fixed."""
    assert abs(different(sample_of(np.arange(100_000, dtype=np.uint64))) / 100_000 - 1) < 4 / 62**0.5


def said(numbers: int, rows: int) -> str:
    return remark("s", rows, sample_of(np.arange(numbers, dtype=np.uint64)))


def test_few_different_numbers_are_said_and_one_alone_is_refused() -> None:
    for numbers, rows in ((1, 99), (3, 9), (20, 9_999), (1000, 2000), (800, 800), (0, 0)):
        assert said(numbers, rows) == "", "small files, and several objects an event, are as they should be"
    assert said(4, 1000).startswith("sample s: 1,000 objects have only about 4 different event numbers")
    assert said(200, 1_000_000)
    with pytest.raises(RunError, match="sample s: all of its 100 objects have the same event number"):
        said(1, 100)
