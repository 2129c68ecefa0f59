"""Accumulators on disk: what is read back is what was written, and nothing else can be in a file."""

import json
import zipfile
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
from coffea.analysis_tools import WeightStatistics
from coffea.processor import (
    column_accumulator,
    defaultdict_accumulator,
    dict_accumulator,
    set_accumulator,
    value_accumulator,
)

from lineshape.engine.accumulators.part import LAYOUT, AccumulatorPart, Metrics, entries_in, sizes_in
from lineshape.engine.core.errors import DAMAGES, ProcessorError, RunError

STORAGES = {
    name: getattr(hist.storage, name) for name in ("Int64", "Double", "Weight", "Mean", "WeightedMean", "AtomicInt64")
}


def again(value: Any, folder: Path, accepted: tuple[str, ...] = ()) -> Any:
    """The value, written and read."""
    path = folder / "x.part"
    AccumulatorPart(value, {"chunk": 9}, Metrics(3, {"pt-data"}, 9, 0.5)).save(path, accepted)
    found = AccumulatorPart.load(path, accepted)
    assert found.chunks == {"chunk": 9}
    assert found.metrics == Metrics(3, {"pt-data"}, 9, 0.5)
    assert entries_in(path) == 9
    return found.value


@pytest.mark.parametrize("name", STORAGES)
def test_histograms_come_back_bit_by_bit(name: str, tmp_path: Path) -> None:
    """With axes that grow, names, and what is known of variances; the second of a place as well as the first."""
    random = np.random.default_rng(1)
    for number in range(3):
        axes = hist.axis.StrCategory([], growth=True, name="d"), hist.axis.Variable([0, 0.1, 1], name="x", label="X")
        histogram = hist.Hist(*axes, storage=STORAGES[name](), name="n", label="Events")
        others: dict[str, Any] = {"sample": random.random(50)} if "Mean" in name else {}
        if "Int" not in name and name != "Mean":
            others["weight"] = random.random(50)
        histogram.fill(d="b" if number == 2 else "a", x=random.random(50), **others)
        found = again({"h": {"x": histogram}}, tmp_path)["h"]["x"]
        assert found == histogram
        assert found.view(flow=True).tobytes() == histogram.view(flow=True).tobytes()
        assert (found.name, found.label, found.axes) == (histogram.name, histogram.label, histogram.axes)
        assert (found.variances() is None) == (histogram.variances() is None)


VALUES: dict[str, Any] = {
    "numbers": {
        "a": 1,
        "b": 2**80,
        "c": 0.1,
        "d": 1e-320,
        "e": -np.inf,
        "f": 1 + 2j,
        "g": True,
        "h": None,
        "i": b"\x00a",
    },
    "numpy": {
        "a": np.float32(0.1),
        "b": np.arange(6).reshape(2, 3),
        "c": np.datetime64("2026-01-01"),
        "d": np.bool_(1),
    },
    "keys": {1: "a", "1": "b", (1, "x"): "c", None: "d", 2.5: "e", np.int64(7): "f"},
    "sets": {"a": {1, "b", (2, 3)}, "b": set_accumulator({4}), "c": frozenset({5})},
    "lists": {"a": [1, [2, (3, None)]]},
    "mappings": {"a": dict_accumulator({"x": 1}), "b": defaultdict_accumulator(int, {"x": 2}), "c": Counter("aab")},
}


@pytest.mark.parametrize("case", VALUES)
def test_values_come_back(case: str, tmp_path: Path) -> None:
    found, known = again(VALUES[case], tmp_path), VALUES[case]
    assert repr(found) == repr(known) or found == known
    assert [type(each) for each in found.values()] == [type(each) for each in known.values()]


@pytest.mark.parametrize("value", [{(float("nan"), 1): 2}, {"a": {(1, float("nan"))}}])
def test_nan_in_a_key_is_refused_at_any_depth(value: Any, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="NaN is a key"):
        again(value, tmp_path)


def test_masked_values_stay_masked(tmp_path: Path) -> None:
    """As `ak.to_numpy` makes them of missing values."""
    known = np.ma.MaskedArray([1.5, 2.5, 3.5], [False, True, False])
    found = again({"a": known, "c": column_accumulator(known)}, tmp_path)
    for each in (found["a"], found["c"].value):
        assert isinstance(each, np.ma.MaskedArray)
        assert each.tolist() == [1.5, None, 3.5]


def test_awkward_arrays_are_added_number_by_number(tmp_path: Path) -> None:
    one, other = (AccumulatorPart({"a": ak.Array([[1, 2], [3]])}, {name: 2}, Metrics()) for name in "xy")
    one.add(other)
    assert one.value["a"].to_list() == [[2, 4], [6]]
    assert again(one.value, tmp_path)["a"].to_list() == [[2, 4], [6]]


def test_coffeas_own_come_back(tmp_path: Path) -> None:
    value = {
        "columns": column_accumulator(np.arange(3.0)),
        "jagged": column_accumulator(ak.Array([[1, 2], [], [3]])),
        "value": value_accumulator(float, 2.5),
        "weights": WeightStatistics(1.0, 2.0, 0.5, 1.5, 3),
        "default": defaultdict(list, {"a": [1]}),
    }
    found = again(value, tmp_path)
    assert found["columns"].value.tolist() == [0, 1, 2]
    assert found["jagged"].value.to_list() == [[1, 2], [], [3]]
    assert found["value"].value == 2.5
    assert vars(found["weights"]) == vars(value["weights"])
    assert found["default"]["b"] == []
    assert np.isnan(again({"nan": float("nan")}, tmp_path)["nan"])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": {"b": [object()]}}, r"out\['a'\]\['b'\]\[0\]: a builtins:object is not kept on disk"),
        ({"a": np.array([object()])}, r"out\['a'\]: an array of Python objects"),
        ({"a": {float("nan"): 1}}, r"out\['a'\]: NaN is a key"),
        ({"a": Fraction(1, 2)}, "to have it pickled add 'fractions:Fraction' to 'pickle'"),
        ({"a": value_accumulator(lambda: 3)}, "as its default_factory"),
    ],
)
def test_values_that_are_refused(value: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match=said):
        again(value, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_is_pickled_is_read_where_it_is_accepted(tmp_path: Path) -> None:
    assert again({"a": Fraction(1, 2)}, tmp_path, ("fractions:Fraction",)) == {"a": Fraction(1, 2)}
    with pytest.raises(ValueError, match="fractions:Fraction was pickled, and is not accepted"):
        AccumulatorPart.load(tmp_path / "x.part", ())


def test_a_damaged_part_is_noticed(tmp_path: Path) -> None:
    again({"a": np.arange(1000)}, tmp_path)
    path = tmp_path / "x.part"
    content = path.read_bytes()
    for damaged in (content[:-30], content[:60] + bytes([content[60] ^ 1]) + content[61:], b""):
        path.write_bytes(damaged)
        with pytest.raises(DAMAGES):
            AccumulatorPart.load(path, ())
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as file:
        assert json.loads(file.read("about.json"))["layout"] == LAYOUT


def test_sizes_tell_what_grows(tmp_path: Path) -> None:
    again({"h": hist.Hist.new.Reg(1000, 0, 1).Double(), "s": {*range(1000)}, "l": ["ab"] * 10}, tmp_path)
    sizes = sizes_in(tmp_path / "x.part")
    assert sizes.fixed > 8000
    assert sizes.growing["out['s']"] > 28_000
    assert set(sizes.growing) == {"out['s']", "out['l']"}


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"a": 1}, {"a": {"b": 1}}, r"out\['a'\]: a int in one chunk and a dict in another"),
        ({"a": "x"}, {"a": 1}, r"out\['a'\]: a str in one chunk and a int"),
        ({"a": None}, {"a": None}, r"out\['a'\]: values of two chunks cannot be added"),
        ({"a": np.zeros(3)}, {"a": np.zeros(1)}, r"arrays of shape \(3,\) in one chunk and \(1,\)"),
        ([1], {1}, "out: a list in one chunk and a set in another"),
    ],
)
def test_what_cannot_be_added(one: Any, other: Any, said: str) -> None:
    with pytest.raises(RunError, match=said):
        AccumulatorPart(one, {}, Metrics()).add(AccumulatorPart(other, {}, Metrics()))
