"""Weights that make the distribution of a column flat, class by class."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.errors import RunError, listing
from lineshape.engine.learning.weights.weight import Weigh, Weight


class Flat(Weight):
    """Every bin of `column` weighs the same, for each class; the mean weight of all rows is 1.

    low, high, bins: of the column; what is below or above has the weight of the first or the last bin, so that the few
    rows of a long tail do not get large weights. classes: the column that numbers the classes. shares: how much each
    class weighs in all, the same by default; classes that are not named weigh nothing.

    Source: sample weights of the tau muons' talk, in 5 GeV steps of pT to 60 GeV.
    """

    column: str
    low: float
    high: float
    bins: Annotated[int, Field(gt=0)]
    classes: str
    shares: dict[int, Annotated[float, Field(ge=0)]] = {}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the bins and that of the classes."""
        return (self.column, self.classes)

    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """Counts of each bin of each class."""
        counts: dict[int, NDArray[np.int64]] = {}
        total: dict[int, int] = {}
        for table in tables:
            bins, labels = self._bins(table), table[self.classes]
            inside = (table[self.column] >= self.low) & (table[self.column] < self.high)
            for label in np.unique(labels).astype(int):
                own = labels == label
                found = np.bincount(bins[own & inside], minlength=self.bins)
                counts[label] = counts.get(label, np.zeros(self.bins, np.int64)) + found
                total[label] = total.get(label, 0) + int(own.sum())
        if empty := [str(label) for label in self.shares if not counts.get(label, np.zeros(1)).any()]:
            raise RunError(
                f"{self.classes} has no rows of class {', '.join(empty)} to weigh; there are {listing(map(str, total))}"
            )
        shares = self.shares or dict.fromkeys(total, 1.0)
        weights = {label: share / np.maximum(counts[label], 1) for label, share in shares.items()}
        # The mean over the rows that lie between low and high; the tail beyond them shifts it a little.
        mean = sum(float((weights[label] * counts[label]).sum()) for label in weights) / max(sum(total.values()), 1)

        def weigh(table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
            bins, labels = self._bins(table), table[self.classes]
            found = np.zeros(len(bins))
            for label, each in weights.items():
                own = labels == label
                found[own] = each[bins[own]] / mean
            return found

        return weigh

    def _bins(self, table: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        widths = (self.high - self.low) / self.bins
        return ((table[self.column] - self.low) / widths).astype(np.int64).clip(0, self.bins - 1)
