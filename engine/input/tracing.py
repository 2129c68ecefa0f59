"""Trace the rows that a processor returns back to the entries and objects of the file that they were made from.

While it is traced, column `event` holds codes in place of event numbers, into which `per_object` writes the object.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.core.jagged import Jagged

#: Bits of a code for an object's place in its entry, and for the collection that it is of; the entry is above them.
_OBJECT_BITS: Final = 20
_COLLECTION_BITS: Final = 8
_ENTRY_SHIFT: Final = _OBJECT_BITS + _COLLECTION_BITS
#: So that codes are exact as float64, too.
_MOST_ENTRIES: Final = 1 << (53 - _ENTRY_SHIFT)

Ints = NDArray[np.int64]
#: Values of a column in all entries, and their number in each (None: one in each).
Values = tuple[NDArray[Any], NDArray[Any] | None]


@dataclass(frozen=True)
class Places:
    """Places of rows: the entry of each, and its object's place in the entry, from 0, (rows,).

    counts: number of objects in each entry; None where rows are of entries, not of objects. collection: a column that
    has the objects, empty where rows are of entries.
    """

    entry: Ints
    place: Ints
    counts: Ints | None
    collection: str


@dataclass
class Tracer:
    """Record of what a processor does with the entries of a chunk.

    entries: number of entries. columns: columns of all entries, by name. collections: number of objects in each entry,
    by the column that showed it. fault: why rows cannot be traced; empty where they can.
    """

    entries: int
    columns: Mapping[str, Callable[[], Values]]
    collections: dict[str, Ints] = field(default_factory=dict)
    fault: str = ""

    def codes(self, entries: Ints) -> Ints:
        """Return the code of each of these entries."""
        return entries << _ENTRY_SHIFT

    def require_room(self) -> None:
        """Raise ProcessorError where there are more entries than codes."""
        if self.entries > _MOST_ENTRIES:
            raise ProcessorError(
                f"a chunk of {self.entries:,} entries: expected at most {_MOST_ENTRIES:,}; lower 'chunk_entries'"
            )

    def mark(self, codes: NDArray[Any], lists: Mapping[str, Values]) -> Ints:
        """Return what is to be added to the codes of objects, one after the other, so that each has its own.

        codes: code of each entry. lists: the columns with a list in each entry.

        One of the lists must be as the file has it: the same objects in the same order.
        """
        entries = codes.astype(np.int64) >> _ENTRY_SHIFT
        name = next((name for name, (values, counts) in lists.items() if self._same(name, entries, values, counts)), "")
        if not name:
            self.fault = (
                "none of the lists given to per_object is as the file has it, so that it is not known which object a "
                "row is of: give per_object all objects in the file's order, and select after it"
            )
            return np.zeros(sum(len(values) for values, _ in [*lists.values()][:1]), dtype=np.int64)
        number = self._number(name)
        counts = self.collections[name][entries]
        if counts.max(initial=0) >> _OBJECT_BITS or number >> _COLLECTION_BITS:
            self.fault = f"an entry with {counts.max():,} objects: expected fewer than {1 << _OBJECT_BITS:,}"
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        found: Ints = (number << _OBJECT_BITS) + np.arange(len(starts)) - starts
        return found

    def _number(self, name: str) -> int:
        """Return the number of a collection, from 1."""
        counts = self.columns[name]()[1]
        assert counts is not None
        self.collections.setdefault(name, counts.astype(np.int64))
        return 1 + list(self.collections).index(name)

    def _same(self, name: str, entries: Ints, values: NDArray[Any], counts: NDArray[Any] | None) -> bool:
        """Return whether a list has the content that the column of its name has in these entries of the file."""
        if name not in self.columns or counts is None or (entries.size and entries.max() >= self.entries):
            return False
        own, own_counts = self.columns[name]()
        if own_counts is None:
            return False
        if len(entries) != self.entries or (entries != np.arange(self.entries)).any():
            own, own_counts = Jagged.counted(own_counts, own)[entries].content, own_counts[entries]
        return np.array_equal(counts, own_counts) and np.array_equal(values, own, equal_nan=values.dtype.kind == "f")

    def places(self, codes: NDArray[Any], what: str) -> Places:
        """Return the places that rows are of.

        codes: column `event` as the processor returned it. what: name of the processor, for messages.

        Raises ProcessorError where rows cannot be traced, or two of them are of the same object.
        """
        if self.fault:
            raise ProcessorError(f"{what}: {self.fault}")
        codes = codes.astype(np.int64)
        entry, rest = codes >> _ENTRY_SHIFT, codes & ((1 << _ENTRY_SHIFT) - 1)
        number, place = rest >> _OBJECT_BITS, rest & ((1 << _OBJECT_BITS) - 1)
        names, found = list(self.collections), np.flatnonzero(np.bincount(number))
        if (entry >= self.entries).any() or (number > len(names)).any():
            raise ProcessorError(_changed(what))
        counts, collection = self._counts([names[each - 1] if each else "" for each in found], what)
        if counts is not None and (place >= counts[entry]).any():
            raise ProcessorError(_changed(what))
        self._require_different(entry, place, what)
        return Places(entry, place, counts, collection)

    def _counts(self, found: list[str], what: str) -> tuple[Ints | None, str]:
        """Return the number of objects in each entry, and the collection that they are of. found: those of the rows."""
        if not found:  # no row tells what rows are of
            found = list(self.collections)[:1]
        if found in ([], [""]):
            return None, ""
        known = [self.collections.get(name) for name in found]
        first = known[0]
        if first is None or any(each is None or not np.array_equal(each, first) for each in known[1:]):
            raise ProcessorError(
                f"{what} returns rows of different things ({', '.join(name or 'entries' for name in found)}), which "
                "cannot be aligned with one collection: expected rows of entries, or of the objects of one collection"
            )
        return first, found[0]

    def _require_different(self, entry: Ints, place: Ints, what: str) -> None:
        """Raise ProcessorError where two rows are of the same object."""
        keys = (entry << _OBJECT_BITS) | place
        if (keys[1:] > keys[:-1]).all():  # in the file's order, as almost always
            return
        keys, number = np.unique(keys, return_counts=True)
        if len(keys) == len(entry):
            return
        twice = keys[number > 1]
        raise ProcessorError(
            f"{what} returns {number.max()} rows of one {'object' if self.collections else 'entry'}, and the like for "
            f"{len(twice):,}: scores have one place for each; make rows of objects by per_object, which says which "
            "object each is of, and at most one row of each"
        )


def _changed(what: str) -> str:
    return f"{what} changes the event numbers: expected column 'event' as it is read, of which rows are left out alone"


_TRACER: ContextVar[Tracer | None] = ContextVar("tracer", default=None)


def tracer() -> Tracer | None:
    """Return the tracer of the processor that runs, None where none is traced."""
    return _TRACER.get()


@contextmanager
def tracing(tracer: Tracer) -> Iterator[None]:
    """Let `per_object` mark codes while the block runs."""
    token = _TRACER.set(tracer)
    try:
        yield
    finally:
        _TRACER.reset(token)
