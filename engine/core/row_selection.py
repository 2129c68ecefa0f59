"""Rows by what they are: conditions on columns, and parts of samples that meet them."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core.settings import Names, Settings


class Range(Settings):
    """low ≤ value < high; either may be left out."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("expected 'low', 'high' or both")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        return self

    def holds(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """For each value; NaN is in no range."""
        above = np.isfinite(values) if self.low is None else values >= self.low
        return above if self.high is None else above & (values < self.high)


#: A range, or the values that a column may have.
Condition = Range | list[float]


def meeting(conditions: Mapping[str, Condition], columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
    """Which of so many rows meet every condition."""
    good = np.ones(rows, dtype=bool)
    for name, condition in conditions.items():
        values = columns[name]
        good &= condition.holds(values) if isinstance(condition, Range) else np.isin(values, condition)
    return good


class Part(Settings):
    """Rows of some samples (of all where none is named) that meet every condition."""

    samples: Names = []
    where: dict[str, Condition] = {}

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
        """Which rows of a sample belong to it."""
        if self.samples and sample not in self.samples:
            return np.zeros(rows, dtype=bool)
        return meeting(self.where, columns, rows)


class Choice(Settings):
    """What a model learns from.

    learns_from: parts of the samples, each row that any of them has; everything by default. within: what its objects
    must meet in any case. shuffled: features whose values are mixed up among the rows of each shard, so that of the
    rows of a sample they tell nothing.
    """

    learns_from: list[Part] = []
    within: dict[str, Condition] = {}
    shuffled: Names = []

    @property
    def columns(self) -> list[str]:
        """Those that the conditions are on."""
        names = [name for part in self.learns_from for name in part.where]
        return list(dict.fromkeys([*names, *self.within]))

    @property
    def samples(self) -> set[str] | None:
        """Those that any row is of; None: all."""
        if not self.learns_from or not all(part.samples for part in self.learns_from):
            return None
        return {name for part in self.learns_from for name in part.samples}

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
        """Which rows of a sample are learnt from."""
        good = meeting(self.within, columns, rows)
        if not self.learns_from:
            return good
        return np.asarray(good & np.any([part.of(sample, columns, rows) for part in self.learns_from], axis=0))
