"""Weight rows so that the distribution of a column is flat in each class."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.equal_bins import bin_of, require_range
from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.learning.roles.weight import Weigh, Weight, require_labels


class FlatWeights(Weight):
    """Weights with the same sum in every bin of `column`, for each class; the mean weight of all rows is 1.

    Source: sample weights of the tau muons' talk, in 5 GeV steps of pT to 60 GeV.
    """

    column: str
    """Column whose distribution becomes flat."""
    low: float
    """Lower edge of the first bin, in the column's unit. Rows below it have the weight of the first bin."""
    high: float
    """Upper edge of the last bin, in the column's unit. Rows above it have the weight of the last bin, so that the few
    rows of a long tail do not get large weights.
    """
    bins: Annotated[int, Field(gt=0)]
    """Number of equal bins between `low` and `high`."""
    classes: str
    """Column that numbers the classes."""
    shares: dict[int, Annotated[float, Field(ge=0)]] = {}
    """Relative sum of weights of each class, by its number; empty for equal sums. A class that is not named has weight
    0.
    """

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require_range(self.low, self.high)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the column that becomes flat and of the column of classes."""
        return (self.column, self.classes)

    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """Count the rows in each bin of each class and return a function that gives the weights of rows.

        Raises RunError where a class of `shares` has no rows between `low` and `high`, a value is missing, or a class
        is not a whole number.
        """
        counts: dict[int, NDArray[np.int64]] = {}  # between low and high
        every: dict[int, NDArray[np.int64]] = {}  # with rows below low and above high
        for table in tables:
            bins, labels = self._bins(table), table[self.classes]
            require_labels(self.classes, labels)
            inside = (table[self.column] >= self.low) & (table[self.column] < self.high)
            for label in np.unique(labels).astype(int):
                own = labels == label
                for sums, rows in ((counts, own & inside), (every, own)):
                    found = np.bincount(bins[rows], minlength=self.bins)
                    sums[label] = sums.get(label, np.zeros(self.bins, np.int64)) + found
        if empty := [str(label) for label in self.shares if not counts.get(label, np.zeros(1)).any()]:
            raise RunError(
                f"{self.classes} has no rows of class {', '.join(empty)} to weigh; there are {listing(map(str, every))}"
            )
        shares = self.shares or dict.fromkeys(every, 1.0)
        weights = {label: share / _filled(counts[label]) for label, share in shares.items()}
        rows = sum(int(each.sum()) for each in every.values())
        mean = sum(float((weights[label] * every[label]).sum()) for label in weights) / max(rows, 1)

        def weigh(table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
            bins, labels = self._bins(table), table[self.classes]
            found = np.zeros(len(bins))
            for label, each in weights.items():
                own = labels == label
                found[own] = each[bins[own]] / mean
            return found

        return weigh

    def _bins(self, table: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        if missing := int((~np.isfinite(table[self.column])).sum()):
            raise RunError(f"column {self.column}: {missing:,} rows have no finite value to be weighed by")
        return bin_of(table[self.column], self.low, self.high, self.bins)


def _filled(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the counts with each empty bin's replaced by that of the nearest bin that is not empty."""
    there = np.flatnonzero(counts)
    if not len(there):
        return np.ones_like(counts)
    nearest = np.abs(np.arange(len(counts))[:, np.newaxis] - there).argmin(axis=1)
    return np.asarray(counts[there[nearest]])
