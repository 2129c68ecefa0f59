"""Codes of entries and objects: each row finds its place, and what cannot be told apart is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.input.tracing import Tracer, Values, tracer, tracing

COUNTS = np.array([2, 0, 3])
PT = np.array([1.0, np.nan, 3.0, 4.0, 5.0])
HITS = np.array([1, 1, 2])


def traced(**columns: Values) -> Tracer:
    own: dict[str, Values] = {"pt": (PT, COUNTS), "hits": (np.arange(4), HITS), "mu": (np.ones(3), None)} | columns
    shown: dict[str, Callable[[], Values]] = {name: lambda values=values: values for name, values in own.items()}
    return Tracer(3, shown)


def codes_of(of: Tracer, name: str = "pt", entries: NDArray[Any] | None = None) -> NDArray[Any]:
    """Codes of all objects of a collection."""
    values, counts = of.columns[name]()
    assert counts is not None
    own = of.codes(np.arange(3) if entries is None else entries)
    return np.repeat(own, counts) + of.mark(own, {name: (values, counts)})


def test_each_row_finds_its_entry_and_object_in_any_order() -> None:
    of = traced()
    places = of.places(codes_of(of)[[4, 0, 2]], "it")
    assert (places.entry.tolist(), places.place.tolist()) == ([2, 0, 2], [2, 0, 0])
    assert places.counts is not None
    assert places.counts.tolist() == COUNTS.tolist()
    assert places.collection == "pt"


def test_codes_are_exact_as_float64() -> None:
    of = traced()
    codes = codes_of(of)
    assert of.places(codes.astype(np.float64), "it").place.tolist() == of.places(codes, "it").place.tolist()


def test_entries_alone() -> None:
    of = traced()
    places = of.places(of.codes(np.array([0, 2])), "it")
    assert (places.entry.tolist(), places.counts, places.collection) == ([0, 2], None, "")


def test_entries_that_were_cut_before_keep_their_numbers() -> None:
    of = traced()
    own = of.codes(np.array([2]))
    codes = np.repeat(own, 3) + of.mark(own, {"pt": (PT[2:], COUNTS[2:])})
    assert of.places(codes, "it").entry.tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("values", "counts"),
    [(PT[::-1], COUNTS), (PT, np.array([3, 0, 2])), (PT[:4], np.array([2, 0, 2])), (PT + 1, COUNTS)],
    ids=["sorted", "other counts", "cut", "calibrated"],
)
def test_lists_that_are_not_the_files_are_refused(values: NDArray[Any], counts: NDArray[Any]) -> None:
    of = traced()
    own = of.codes(np.arange(3))
    codes = np.repeat(own, counts) + of.mark(own, {"pt": (values, counts)})
    with pytest.raises(ProcessorError, match="none of the lists given to per_object is as the file has it"):
        of.places(codes, "it")


def test_rows_of_two_collections_are_refused_where_they_differ() -> None:
    of = traced(eta=(PT + 1, COUNTS))
    pt, hits, eta = (codes_of(of, name) for name in ("pt", "hits", "eta"))
    assert of.places(np.concatenate([pt[:1], eta[1:2]]), "it").place.tolist() == [0, 1]
    for both in (np.concatenate([pt[:1], hits[2:]]), np.concatenate([pt[:1], of.codes(np.array([2]))])):
        with pytest.raises(ProcessorError, match="returns rows of different things"):
            of.places(both, "it")


def test_two_rows_of_one_object_are_refused() -> None:
    of = traced()
    with pytest.raises(ProcessorError, match=r"2 rows of one object, and the like for 1: .* by per_object"):
        of.places(codes_of(of)[[0, 3, 0]], "it")


@pytest.mark.parametrize(
    "change", [lambda codes: codes + (5 << 28), lambda codes: codes + 3, lambda codes: codes + (1 << 20)]
)
def test_numbers_that_are_not_the_files_are_refused(change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    of = traced()
    with pytest.raises(ProcessorError, match="it changes the event numbers"):
        of.places(change(codes_of(of)), "it")


def test_more_than_codes_can_hold_is_refused() -> None:
    with pytest.raises(ProcessorError, match="a chunk of 33,554,433 entries: expected at most 33,554,432"):
        Tracer(2**25 + 1, {}).require_room()
    many = np.zeros(2**20, dtype=np.int8)
    of = Tracer(1, {"pt": lambda: (many, np.array([2**20]))})
    of.mark(of.codes(np.array([0])), {"pt": (many, np.array([2**20]))})
    with pytest.raises(ProcessorError, match="an entry with 1,048,576 objects: expected fewer than 1,048,576"):
        of.places(np.zeros(0, dtype=np.int64), "it")


def test_a_tracer_is_there_while_it_traces() -> None:
    of = traced()
    with tracing(of):
        assert tracer() is of
    assert tracer() is None
