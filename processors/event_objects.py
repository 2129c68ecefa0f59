"""Handle objects of events as flat arrays, with each one's event beside them: sums, cones and orders by event."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.events import flat

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class EventObjects:
    """Objects of some events by column, one value an object.

    event: number of each object's event, from 0. length: the number of events.
    """

    def __init__(self, event: Ints, length: int, columns: Mapping[str, NDArray[Any]]) -> None:
        self.event, self.length, self.columns = event, length, columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    @property
    def counts(self) -> Ints:
        """Number of objects in each event."""
        return np.bincount(self.event, minlength=self.length)

    def scaled(self, names: Collection[str], factor: float) -> "EventObjects":
        """Return the objects with some columns multiplied by a factor."""
        columns = {name: values * factor if name in names else values for name, values in self.columns.items()}
        return EventObjects(self.event, self.length, columns)

    def keep(self, rows: NDArray[Any]) -> "EventObjects":
        """Return some of the objects, by a mask or by their numbers; the events stay."""
        return EventObjects(
            self.event[rows], self.length, {name: values[rows] for name, values in self.columns.items()}
        )

    def of(self, events: NDArray[np.bool_]) -> "EventObjects":
        """Return the objects of some events, which are numbered anew."""
        kept = self.keep(events[self.event])
        return EventObjects((np.cumsum(events) - 1)[kept.event], int(events.sum()), kept.columns)

    def away(self, others: "EventObjects", cone: float) -> "EventObjects":
        """Return the objects at least this far in ΔR from every one of the others.

        All events must have the same number of the others.
        """
        if not self.length:
            return self
        far = np.ones(len(self.event), dtype=bool)
        for eta, phi in zip(*(others[name].reshape(self.length, -1).T for name in ("Eta", "Phi")), strict=True):
            turn = (self["Phi"] - phi[self.event] + np.pi) % (2 * np.pi) - np.pi
            far &= np.hypot(self["Eta"] - eta[self.event], turn) >= cone
        return self.keep(far)

    def total(self, name: str) -> Floats:
        """Return the sum of a column over the objects of each event."""
        return np.asarray(np.bincount(self.event, self[name], self.length), dtype=np.float64)

    def hardest(self, number: int) -> "EventObjects":
        """Return at most this many objects of each event, in falling order of pT."""
        order = np.lexsort((-self["Pt"], self.event))
        ordered = self.keep(order)
        return ordered.keep(ordered.rank < number)

    @property
    def rank(self) -> Ints:
        """Place of each object in its event, from 0, where they are in order of event."""
        return np.arange(len(self.event)) - np.repeat(np.cumsum(self.counts) - self.counts, self.counts)

    def leading(self, columns: Sequence[str], number: int) -> dict[str, Floats]:
        """Return for each column (events, number) values of the hardest objects, 0 where there are fewer."""
        hardest = self.hardest(number)
        found = {}
        for name in columns:
            found[name] = np.zeros((self.length, number))
            found[name][hardest.event, hardest.rank] = hardest[name]
        return found


def collection(events: "NanoEvents", kind: str, parts: Sequence[str]) -> EventObjects:
    """Return the objects of columns kindPt, kindEta … for the given parts; with Pt and Phi also Px and Py.

    Raises DataError where a column has one value an event, or not as many as the first.
    """
    columns: dict[str, NDArray[Any]] = {}
    counts = _counts(events, kind + parts[0])
    for part in parts:
        if not np.array_equal(_counts(events, kind + part), counts):
            raise DataError(
                f"column {kind}{part} has not as many values an event as column {kind}{parts[0]}: "
                "name its branch in 'branches:'"
            )
        columns[part] = flat(events, kind + part)[0].astype(np.float64)
    if {"Pt", "Phi"} <= set(parts):
        columns |= {"Px": columns["Pt"] * np.cos(columns["Phi"]), "Py": columns["Pt"] * np.sin(columns["Phi"])}
    return EventObjects(np.repeat(np.arange(len(counts)), counts), len(counts), columns)


def _counts(events: "NanoEvents", column: str) -> Ints:
    counts = flat(events, column)[1]
    if counts is None:
        raise DataError(f"column {column} has one value an event; expected a list: name its branch in 'branches:'")
    return counts
