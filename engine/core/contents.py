"""Contents of histograms' bins, by group of the jackknife: counts, or sums of weights with those of their squares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contents:
    """Contents of bins (groups, ...).

    values: numbers of entries, or sums of their weights. squares: sums of the squared weights; the same array as values
    where every entry counts once.
    """

    values: Floats
    squares: Floats

    @classmethod
    def of(cls, histogram: hist.Hist[Any]) -> "Contents":
        """Return the contents of a histogram with flow bins, its last axis, the jackknife's groups, first."""
        values = _groups_first(histogram.values(flow=True))
        if not is_weighted(histogram):
            return cls(values, values)
        return cls(values, _groups_first(histogram.variances(flow=True)))

    @property
    def are_weighted(self) -> bool:
        """True where they are sums of weights, false where every entry counts once."""
        return self.squares is not self.values

    def map(self, change: Callable[[Floats], Floats]) -> "Contents":
        """Return the contents changed by a linear function, such as a sum or a part of the bins."""
        values = np.asarray(change(self.values))
        return Contents(values, np.asarray(change(self.squares)) if self.are_weighted else values)

    def __getitem__(self, key: Any) -> "Contents":
        return self.map(lambda values: values[key])

    def entries(self, *axes: int) -> Floats:
        """Return the number of entries, summed over axes: of weighted ones the effective number, (Σw)²/Σw².

        It is 0 where the sum of weights is not above zero, of which there is no distribution. axes: all by default.
        """
        over = axes or None
        total = np.asarray(self.values.sum(axis=over))
        if not self.are_weighted:
            return total
        squares = np.asarray(self.squares.sum(axis=over))
        return np.asarray(np.divide(total**2, squares, out=np.zeros_like(total), where=total > 0))

    def errors(self) -> Floats:
        """Return the Poisson uncertainty of each bin, summed over the groups."""
        return np.asarray(np.sqrt(self.squares.sum(axis=0)))

    def same_as(self, other: "Contents", *axes: int) -> NDArray[np.bool_]:
        """Return where both have the same sums over axes: where they are of the same objects."""
        one, two = self.values.sum(axis=axes), other.values.sum(axis=axes)
        # Sums of weights are rounded in another order.
        return np.asarray(np.isclose(one, two, rtol=1e-9, atol=0.0) if self.are_weighted else one == two)

    @property
    def total(self) -> float:
        """Sum of everything, to divide by: 1 where there is nothing."""
        return float(self.values.sum()) or 1.0

    @property
    def unit(self) -> float:
        """Typical weight of one entry, Σw²/Σw: 1 where every entry counts once."""
        total = self.values.sum()
        return float(self.squares.sum() / total) if self.are_weighted and total else 1.0


def joined(parts: Sequence[Contents], axis: int = -1) -> Contents:
    """Return contents one after the other along an axis."""
    values = np.concatenate([part.values for part in parts], axis=axis)
    if not any(part.are_weighted for part in parts):
        return Contents(values, values)
    return Contents(values, np.concatenate([part.squares for part in parts], axis=axis))


def stacked(first: Contents, second: Contents) -> Contents:
    """Return (groups, 2, ...) of two contents (groups, ...)."""
    return joined([first[:, np.newaxis], second[:, np.newaxis]], axis=1)


def is_weighted(histogram: hist.Hist[Any]) -> bool:
    """Return whether a histogram holds sums of weights."""
    return issubclass(histogram.storage_type, hist.storage.Weight)


def _groups_first(values: Any) -> Floats:
    return np.moveaxis(np.asarray(values, dtype=np.float64), -1, 0)
