"""Apply a processor so that it is known which entry and object of the file each row is of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.events import flat, with_column
from lineshape.engine.input.processor import Selects
from lineshape.engine.input.tracing import Places, Tracer, Values, tracing
from lineshape.engine.job.chunks import check_columns, event_numbers, finite, name_of, select

#: Entries on which the columns of a traced processor are compared with its usual ones, unless these give too few rows.
COMPARED = 1000
_ENOUGH = 20


@dataclass(frozen=True)
class TracedRows:
    """Rows of a chunk: the place of each, and the columns, with the true event numbers.

    collections: columns that have the objects which the processor took by `per_object`.
    """

    places: Places
    columns: "Mapping[str, ak.Array]"
    collections: tuple[str, ...]


class TracedChunk:
    """A chunk that was read, with codes in place of its event numbers when the processor sees it.

    Raises DataError where it cannot be read, or holds values that are not finite and `nonfinite` refuses them.
    """

    def __init__(self, processor: Selects, events: Any, chunk: Chunk, nonfinite: str) -> None:
        self._processor, self._all = processor, events
        good = finite(events, chunk, nonfinite)
        self._events = events if good.all() else events[good]
        self._entries = np.flatnonzero(good)
        numbers = event_numbers(self._events, chunk)
        if numbers is None:
            raise ProcessorError(
                f"{name_of(processor)} reads no column 'event', by which rows are traced back to their entries: name "
                "its branch in 'inputs' of the processor"
            )
        self._numbers = np.zeros(len(events), dtype=np.uint64)
        self._numbers[self._entries] = numbers

    def rows(self) -> TracedRows:
        """Return the rows; raises ProcessorError where they cannot be traced to entries and objects."""
        return self._rows(slice(None))

    def require_usual(self) -> None:
        """Raise ProcessorError where the columns are not those of usual processing.

        As they are where a processor computes with event numbers, or with random numbers that have no seed.
        """
        part = slice(COMPARED)
        usual, event = self._usual(part)
        if len(event) < _ENOUGH and len(self._events) > COMPARED:
            part = slice(None)
            usual, event = self._usual(part)
        traced = self._rows(part).columns
        others = [name for name in usual if name not in traced or not _same(usual[name], traced[name])]
        if others or set(traced) != {*usual, "event"} or not np.array_equal(event, ak.to_numpy(traced["event"])):
            raise ProcessorError(
                f"{name_of(self._processor)} computes with event numbers, or with random numbers without a seed"
                f"{f' (column {others[0]})' if others else ''}: its scores cannot be aligned with a file's objects; "
                "expected event numbers to be passed on as they are, and random numbers of generator(events, seed)"
            )

    def counts(self) -> dict[str, NDArray[np.int64]]:
        """Return the number of objects in each entry, of each column that has a list in each."""
        found = {name: column()[1] for name, column in self._columns().items()}
        return {name: counts.astype(np.int64) for name, counts in found.items() if counts is not None}

    def _columns(self) -> dict[str, Callable[[], Values]]:
        """Return functions that give the columns of all entries."""
        return {name: partial(flat, self._all, name) for name in self._all.fields if _is_plain(self._all, name)}

    def _usual(self, part: slice) -> "tuple[Mapping[str, ak.Array], NDArray[np.uint64]]":
        """Return what usual processing gives: columns, and event numbers."""
        selected = select(self._processor, self._events[part])
        event = check_columns(selected, self._processor)
        return {name: values for name, values in selected.columns.items() if name != "event"}, event

    def _rows(self, part: slice) -> TracedRows:
        tracer, what = Tracer(len(self._all), self._columns()), name_of(self._processor)
        tracer.require_room()
        events = self._events if part == slice(None) else self._events[part]
        unsigned = flat(events, "event")[0].dtype.kind == "u"
        codes = tracer.codes(self._entries[part]).astype(np.uint64 if unsigned else np.int64)
        with tracing(tracer):
            selected = select(self._processor, with_column(events, "event", codes))
        places = tracer.places(check_columns(selected, self._processor), what)
        columns = {**selected.columns, "event": ak.Array(self._numbers[places.entry])}
        return TracedRows(places, columns, tuple(tracer.collections))


def _is_plain(events: Any, name: str) -> bool:
    """Return whether a column is of numbers, or of lists of numbers."""
    layout = events.layout.content(name) if events.layout.is_record else events[name].layout
    return layout.purelist_depth <= 2 and not layout.fields


def _same(one: "ak.Array", other: "ak.Array") -> bool:
    """Return whether two columns are the same bit by bit, NaN being equal to NaN."""
    if one.ndim != other.ndim or len(one) != len(other):
        return False
    while one.ndim > 1:
        if not np.array_equal(ak.to_numpy(ak.num(one)), ak.to_numpy(ak.num(other))):
            return False
        one, other = ak.flatten(one), ak.flatten(other)
    values = ak.to_numpy(one)
    return np.array_equal(values, ak.to_numpy(other), equal_nan=values.dtype.kind == "f")
