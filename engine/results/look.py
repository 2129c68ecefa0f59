"""Sums over the columns of a feature store, by class and by sample, and what they tell before anything is trained."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.digests import digest
from lineshape.engine.feature_store.store import FeatureStore

Floats = NDArray[np.float64]
#: File of a look's figures, in its folder.
FIGURES: Final = "look.json"
#: Number of distinct values up to which a column is called discrete.
DISCRETE: Final = 20
#: Fraction of values outside of a column's range, or missing, from which it is said.
_SAID: Final = 0.01


@dataclass(frozen=True)
class ColumnSums:
    """Sums over one column of a group of rows.

    values, squares, counts: sums of weights, of their squares and of rows in fine bins, with underflow and overflow,
    (bins + 2,). missing: number of rows without a finite value. low, high: smallest and largest value, infinite where
    there is none. distinct: its values, None where they are more than DISCRETE.
    """

    values: Floats
    squares: Floats
    counts: Floats
    missing: int
    low: float
    high: float
    distinct: frozenset[float] | None

    def __add__(self, other: "ColumnSums") -> "ColumnSums":
        both = None
        if self.distinct is not None and other.distinct is not None:
            both = self.distinct | other.distinct
        return ColumnSums(
            self.values + other.values,
            self.squares + other.squares,
            self.counts + other.counts,
            self.missing + other.missing,
            min(self.low, other.low),
            max(self.high, other.high),
            None if both is None or len(both) > DISCRETE else both,
        )

    @classmethod
    def of(cls, values: NDArray[Any], weight: Floats | None, edges: Floats) -> "ColumnSums":
        """Return the sums of the values of a column. edges: of the fine bins, evenly spaced."""
        finite = np.isfinite(values)
        x = np.asarray(values[finite], dtype=np.float64)
        place, number = places(x, edges), len(edges) + 1
        counts = np.bincount(place, minlength=number).astype(np.float64)
        w = None if weight is None else weight[finite]
        distinct = frozenset(np.unique(x[:10_000]).tolist())
        if len(distinct) <= DISCRETE and len(x) > 10_000:
            distinct = frozenset(np.unique(x).tolist())
        return cls(
            counts if w is None else np.bincount(place, w, number).astype(np.float64),
            counts if w is None else np.bincount(place, w**2, number).astype(np.float64),
            counts,
            int((~finite).sum()),
            float(x.min(initial=np.inf)),
            float(x.max(initial=-np.inf)),
            distinct if len(distinct) <= DISCRETE else None,
        )

    def coarse(self, bins: int) -> tuple[Floats, Floats]:
        """Return sums of weights and of their squares in so many bins, with underflow and overflow."""
        return _coarse(self.values, bins), _coarse(self.squares, bins)

    @property
    def outside(self) -> float:
        """Fraction of the values outside of the range."""
        total = self.counts.sum()
        return float((self.counts[0] + self.counts[-1]) / total) if total else 0.0

    @property
    def ranks(self) -> Floats:
        """Rank of each fine bin, from 0 to 1: rows below it, and half of its own."""
        total = self.counts.sum()
        return (np.cumsum(self.counts) - self.counts / 2) / (total or 1.0)


def places(values: Floats, edges: Floats) -> NDArray[np.int64]:
    """Return the fine bin of each value: 0 below the range, the last above it."""
    step = (edges[-1] - edges[0]) / (len(edges) - 1)
    found: NDArray[np.int64] = np.clip(np.floor((values - edges[0]) / step) + 1, 0, len(edges)).astype(np.int64)
    return found


def _coarse(fine: Floats, bins: int) -> Floats:
    inner = fine[1:-1].reshape(bins, -1).sum(axis=1)
    return np.concatenate([fine[:1], inner, fine[-1:]])


@dataclass(frozen=True)
class Moments:
    """Weighted sums over rows with all of k columns: of weights, columns (k,) and products of columns (k, k)."""

    weight: float
    first: Floats
    second: Floats

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(self.weight + other.weight, self.first + other.first, self.second + other.second)

    @classmethod
    def of(cls, x: Floats, weight: Floats | None) -> "Moments":
        """Return the sums of rows x, (n, k)."""
        w = np.ones(len(x)) if weight is None else weight
        return cls(float(w.sum()), w @ x, (x * w[:, None]).T @ x)

    def correlation(self) -> Floats:
        """Return the correlations of the columns, (k, k): NaN where one does not vary."""
        if not self.weight > 0:
            return np.full_like(self.second, np.nan)
        mean = self.first / self.weight
        covariance = self.second / self.weight - np.outer(mean, mean)
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = np.sqrt(np.diag(covariance))
            found = covariance / np.outer(deviation, deviation)
        return np.where(np.isfinite(found), np.clip(found, -1, 1), np.nan)


@dataclass(frozen=True)
class Separation:
    """How far two distributions are apart: ½ Σ (p − q)² / (p + q) over bins, from 0 (alike) to 1 (no overlap).

    TMVA's definition (A. Hoecker et al., TMVA 4 users guide, eq. 1). expected: what it is on average for rows of one
    distribution, by statistics alone.
    """

    value: float
    expected: float


def separation(one: ColumnSums, other: ColumnSums, bins: int) -> Separation | None:
    """Return the separation of two groups in a column; None where one of them has no weight."""
    found = [each.coarse(bins) for each in (one, other)]
    totals = [values.sum() for values, _ in found]
    if min(totals) <= 0:
        return None
    (p, p_variance), (q, q_variance) = (
        (values / total, squares / total**2) for (values, squares), total in zip(found, totals, strict=True)
    )
    filled = p + q > 0
    p, q, variance = p[filled], q[filled], (p_variance + q_variance)[filled]
    return Separation(float(0.5 * ((p - q) ** 2 / (p + q)).sum()), float(0.5 * (variance / (p + q)).sum()))


@dataclass(frozen=True)
class Correlations:
    """Correlations of columns in a group of rows, (k, k) each: linear, and of ranks (Spearman)."""

    linear: Floats
    rank: Floats


@dataclass(frozen=True)
class FirstLook:
    """What a look at the columns found.

    columns: sums by group and column. groups: names of classes and samples, by kind. bins: of each column. related:
    columns of the correlations. unrelated: those left out of them. correlations: by group. lists: columns that hold
    lists, which are not looked at.
    """

    groups: Mapping[str, Sequence[str]]
    columns: Mapping[tuple[str, str], Mapping[str, ColumnSums]]
    rows: Mapping[tuple[str, str], int]
    bins: Mapping[str, int]
    related: tuple[str, ...]
    unrelated: tuple[str, ...]
    correlations: Mapping[tuple[str, str], Correlations]
    lists: tuple[str, ...]

    @property
    def compared(self) -> str:
        """Kind of the groups that are told apart: classes, or samples where there are no classes."""
        return "class" if self.groups["class"] else "sample"

    @property
    def is_by_sample(self) -> bool:
        """Whether each class is one sample, so that distributions by class are those by sample."""
        rows = [sorted(self.rows[kind, name] for name in self.groups[kind]) for kind in ("class", "sample")]
        return rows[0] == rows[1]

    def pairs(self) -> list[tuple[str, str]]:
        """Return pairs of the groups that are told apart: the first with each other one."""
        first, *others = self.groups[self.compared]
        return [(first, other) for other in others]

    def separations(self, column: str) -> list[Separation | None]:
        """Return the separation of each pair in a column."""
        kind = self.compared
        found = [[self.columns[kind, name].get(column) for name in pair] for pair in self.pairs()]
        return [separation(one, other, self.bins[column]) if one and other else None for one, other in found]

    def whole(self, column: str) -> ColumnSums:
        """Return the sums of a column over all samples."""
        first, *others = (self.columns["sample", name][column] for name in self.groups["sample"])
        for other in others:
            first = first + other
        return first

    def remarks(self) -> list[str]:
        """Return which columns are constant, missing, outside of their range or discrete, in sentences."""
        whole = {name: self.whole(name) for name in self.bins}
        rows = sum(self.rows["sample", name] for name in self.groups["sample"])
        constant = [name for name, sums in whole.items() if sums.low == sums.high]
        empty = [name for name, sums in whole.items() if sums.missing == rows]
        missing = {name: sums.missing / rows for name, sums in whole.items() if 0 < sums.missing < rows}
        outside = {name: sums.outside for name, sums in whole.items() if sums.outside >= _SAID}
        discrete = {
            name: len(sums.distinct)
            for name, sums in whole.items()
            if sums.distinct is not None and len(sums.distinct) > 1
        }
        return [
            *_said("constant", constant),
            *_said("without any value", empty),
            *_said("missing in some rows", (f"{name} ({share:.2%})" for name, share in missing.items())),
            *_said("outside of the range given for them", (f"{name} ({share:.1%})" for name, share in outside.items())),
            *_said("discrete", (f"{name} ({number} values)" for name, number in discrete.items())),
            *_said("lists, which are not looked at", self.lists),
            *_said("left out of the correlations", self.unrelated),
        ]


@dataclass(frozen=True)
class LookRecord:
    """Figures of a look, as JSON.

    store: digest of what was looked at. rows: by group, as in class/signal. separation: by column and pair.
    related: columns of the correlations, which are by group and kind, linear and rank; null where there is none.
    """

    store: str
    remarks: list[str]
    rows: dict[str, int]
    separation: dict[str, dict[str, Separation]]
    related: list[str]
    correlations: dict[str, dict[str, list[list[float | None]]]]

    @property
    def pairs(self) -> list[str]:
        """Names of the pairs that are separated."""
        return list(dict.fromkeys(pair for found in self.separation.values() for pair in found))

    @property
    def sorted(self) -> list[tuple[str, dict[str, Separation]]]:
        """Columns that separate a pair, the best first."""
        found = [(name, each) for name, each in self.separation.items() if each]
        return sorted(found, key=lambda item: -max(each.value for each in item[1].values()))


def identity_of(store: FeatureStore) -> str:
    """Return a digest of all that a look depends on: the rows, and the columns that are computed from others."""
    return digest(store.digest(), store.about_computed)


def _said(what: str, names: Iterable[str]) -> list[str]:
    found = ", ".join(names)
    return [f"{what}: {found}"] if found else []
