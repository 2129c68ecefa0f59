"""A measure of a user's that fails wherever it is told to."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import hist

from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, group_axis
from lineshape.engine.measures.plots import Plot


class Faulty(Measure):
    """Counts objects. fails: the method that raises; `silent` makes it return nothing."""

    fails: str = ""
    silent: bool = False

    calibrates: ClassVar[bool] = True

    def columns(self) -> list[str]:
        """One."""
        return self._or_fail("columns", [self.truth])

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Nothing of interest."""
        return self._or_fail("calibrate", {"objects": sum(len(part.group) for part in objects)})

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """By group."""
        return self._or_fail("empty", {"count": hist.Hist(group_axis(), storage=hist.storage.Int64())})

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """One an object."""
        self._or_fail("fill", histograms["count"].fill(objects.group))

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """How many."""
        entries = int(histograms["count"].sum())
        return self._or_fail("figures", [Figure("entries", entries, 0.0, "", entries)])

    def plots(self, measured: Measured) -> list[Plot]:
        """None."""
        return self._or_fail("plots", [])

    def _or_fail(self, name: str, found: Any) -> Any:
        if self.fails != name:
            return found
        if self.silent:
            return None
        return {}["not there"]
