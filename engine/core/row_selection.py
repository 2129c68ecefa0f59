"""Select rows by conditions on columns, and by sample."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from lineshape.engine.core.equal_bins import require_range
from lineshape.engine.core.settings import Names, Settings


class Range(Settings):
    """A half-open interval, low ≤ value < high; either end may be left out."""

    low: float | None = None
    """Lower end, included, in the unit of the column; null: no lower end."""
    high: float | None = None
    """Upper end, excluded, in the unit of the column; null: no upper end. Must be greater than `low`."""

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("expected 'low', 'high' or both")
        if self.low is not None and self.high is not None:
            require_range(self.low, self.high)
        return self

    def holds(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Return for each value whether it is in the range; NaN is in no range."""
        above = np.isfinite(values) if self.low is None else values >= self.low
        return above if self.high is None else above & (values < self.high)


class Blind(Settings):
    """Scores that are not looked at, in data and in simulation."""

    above: float | None = None
    """Scores above this; null: none."""
    below: float | None = None
    """Scores below this; null: none."""
    model: str | None = None
    """The model whose scores these are; null: the only one of the job that is trained."""

    @model_validator(mode="after")
    def _hides_something(self) -> Self:
        if self.above is None and self.below is None:
            raise ValueError("expected 'above', 'below' or both")
        return self

    def shows(self, score: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which scores may be looked at."""
        shown = np.ones(len(score), dtype=bool)
        if self.above is not None:
            shown &= ~(score > self.above)
        return shown if self.below is None else shown & ~(score < self.below)

    @property
    def words(self) -> str:
        """Which scores are hidden."""
        ends = [
            f"above {self.above:g}" if self.above is not None else "",
            f"below {self.below:g}" if self.below is not None else "",
        ]
        whose = f" of {self.model}" if self.model else ""
        return f"scores{whose} {' and '.join(filter(None, ends))}"


def _listed(condition: object) -> object:
    """Return one allowed value as a list of it."""
    return [condition] if isinstance(condition, int | float) else condition


#: Condition on a column: a range, an allowed value or a list of these.
Condition = Annotated[Range | list[float], BeforeValidator(_listed, json_schema_input_type=Range | list[float] | float)]


def meeting(conditions: Mapping[str, Condition], columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
    """Return a mask of the rows that meet every condition.

    conditions: by column. rows: number of rows, as there may be no column.
    """
    good = np.ones(rows, dtype=bool)
    for name, condition in conditions.items():
        values = columns[name]
        good &= condition.holds(values) if isinstance(condition, Range) else np.isin(values, condition)
    return good


def are_disjoint(one: Mapping[str, Condition], other: Mapping[str, Condition]) -> bool:
    """Return whether no row can meet both conditions, as those on a column exclude one another."""
    return any(_exclude(one[name], other[name]) for name in one.keys() & other.keys())


def _exclude(one: Condition, other: Condition) -> bool:
    if isinstance(one, Range) and isinstance(other, Range):
        low, high = (-np.inf if each.low is None else each.low for each in (one, other)), (one.high, other.high)
        return bool(min(np.inf if each is None else each for each in high) <= max(low))
    if isinstance(one, Range):
        return _exclude(other, one)
    values = np.asarray(one, dtype=float)
    return not (other.holds(values) if isinstance(other, Range) else np.isin(values, other)).any()


class Part(Settings):
    """Rows of some samples that meet every condition."""

    samples: Names = []
    """Names of the samples; empty: all samples."""
    where: dict[str, Condition] = {}
    """Conditions by column: a range (`low`, `high`), an allowed value or a list of these. Empty: all rows."""

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
        """Return a mask of a sample's rows that belong to the part."""
        if self.samples and sample not in self.samples:
            return np.zeros(rows, dtype=bool)
        return meeting(self.where, columns, rows)


class Choice(Settings):
    """The rows that a model learns from, and the features that are permuted in them."""

    learns_from: list[Part] = []
    """Parts of the samples; a row in any of them is used. Empty: all rows."""
    within: dict[str, Condition] = {}
    """Conditions by column that every object of the model must meet, whichever part it is in. Empty: none."""
    shuffled: Names = []
    """Features whose values are permuted among the rows of each shard, so that within a sample they predict nothing."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns that the conditions are on."""
        names = [name for part in self.learns_from for name in part.where]
        return list(dict.fromkeys([*names, *self.within]))

    @property
    def samples(self) -> set[str] | None:
        """Names of the samples that rows are taken from; None: all samples."""
        if not self.learns_from or not all(part.samples for part in self.learns_from):
            return None
        return {name for part in self.learns_from for name in part.samples}

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.bool_]:
        """Return a mask of a sample's rows that are learnt from."""
        good = meeting(self.within, columns, rows)
        if not self.learns_from:
            return good
        return np.asarray(good & np.any([part.of(sample, columns, rows) for part in self.learns_from], axis=0))
