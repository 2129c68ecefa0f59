"""Compute drift: whether features are distributed as they were when a model was trained. No I/O here.

It is read off control histograms, which every shard has: they merge, and their sums were made on the workers. Objects
without a value are a bin of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import hist
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Largest number of bins in which two distributions are compared: each holds 1/BINS of the reference or more.
BINS: Final = 20
#: Chance below which a shift is not taken for a statistical fluctuation.
CHANCE: Final = 0.001


@dataclass(frozen=True)
class Shift:
    """Population stability index of a distribution against a reference, Σ (p − q) ln(p / q) over the bins.

    Below 0.1 it counts as no shift, above 0.25 as a large one (N. Siddiqi, Credit Risk Scorecards, 2006). expected: its
    mean if both are drawn from one distribution. chance: the probability that it is then as large or larger (B.
    Yurdakul, Statistical Properties of the Population Stability Index, 2018: it is (1/n + 1/m) χ² of bins − 1).
    entries: number of objects of the distribution.
    """

    index: float
    expected: float
    chance: float
    entries: int


@dataclass(frozen=True)
class Drift:
    """Distributions of a feature in the training data and now, and the shifts between them.

    label: label with unit. edges: edges of the bins. reference, now, arrived: contents of the bins, with underflow
    first, overflow and objects without a value last. reference: the training data. now: all data. arrived: the data
    that arrived since; empty where none did.
    """

    feature: str
    label: str
    edges: list[float]
    reference: list[float]
    now: list[float]
    arrived: list[float]
    shift: Shift | None
    shift_arrived: Shift | None

    @property
    def worst(self) -> float:
        """Larger index of the two shifts, among those that are no statistical fluctuation; 0 where both are."""
        shifts = [shift for shift in (self.shift, self.shift_arrived) if shift and shift.chance < CHANCE]
        return max((shift.index for shift in shifts), default=0.0)

    @property
    def index(self) -> float:
        """Larger index of the two shifts."""
        return max((shift.index for shift in (self.shift, self.shift_arrived) if shift), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary for JSON."""
        return asdict(self)


def contents(histogram: hist.Hist[Any], rows: int) -> Floats:
    """Return bin contents with flow bins, and last the objects without a value; of a feature with lists that is 0."""
    filled = np.asarray(histogram.values(flow=True), dtype=np.float64)
    return np.append(filled, max(0.0, rows - filled.sum()))


def shift(reference: Floats, other: Floats) -> Shift | None:
    """Return the index of one distribution against a reference in the same bins; None where either is empty.

    Neighbouring bins are merged until each holds 1/BINS of the reference; objects without a value stay a bin of their
    own.
    """
    n, m = reference.sum(), other.sum()
    if n == 0 or m == 0:
        return None
    edges = _together(reference[:-1])
    p, q = (np.append(np.add.reduceat(values[:-1], edges), values[-1]) for values in (other, reference))
    some = p + q > 0
    # Half an object is added to each bin, so that the logarithm of an empty one is finite.
    p, q = ((values[some] + 0.5) / (values[some].sum() + 0.5 * some.sum()) for values in (p, q))
    index = float(((p - q) * np.log(p / q)).sum())
    scale, freedom = 1 / n + 1 / m, max(1, int(some.sum()) - 1)
    return Shift(index, float(freedom * scale), _survival(index / scale, freedom), int(m))


def _together(reference: Floats) -> list[int]:
    """Return the first bin of each group of merged bins."""
    starts, held, least = [0], 0.0, reference.sum() / BINS
    for i, value in enumerate(reference[:-1], start=1):
        held += value
        if held >= least and reference[i:].sum() >= least:
            starts.append(i)
            held = 0.0
    return starts


def _survival(value: float, freedom: int) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(value, freedom))


@dataclass(frozen=True)
class Population:
    """Control histograms by feature, and the number of objects, of some samples."""

    histograms: Mapping[str, hist.Hist[Any]]
    rows: int


@dataclass(frozen=True)
class Drifts:
    """Features that can be compared with the reference, those that shifted most first, and why others cannot."""

    drifts: list[Drift]
    left_out: dict[str, str]


def drifts(features: Sequence[str], reference: Population, now: Population, arrived: Population | None) -> Drifts:
    """Return the drift of each feature that has the same bins in the training data and now."""
    found, left_out = [], {}
    for name in features:
        then, today = reference.histograms.get(name), now.histograms.get(name)
        if then is None or today is None or then.axes != today.axes:
            left_out[name] = _why(then, today)
            continue
        q, p = contents(then, reference.rows), contents(today, now.rows)
        new = None
        if arrived and name in arrived.histograms:
            new = contents(arrived.histograms[name], arrived.rows)
        axis = then.axes[0]
        found.append(
            Drift(
                name,
                str(axis.label or name),
                [float(edge) for edge in axis.edges],
                q.tolist(),
                p.tolist(),
                [] if new is None else new.tolist(),
                shift(q, p),
                None if new is None else shift(q, new),
            )
        )
    return Drifts(sorted(found, key=lambda drift: (-drift.worst, -drift.index)), left_out)


def _why(then: hist.Hist[Any] | None, now: hist.Hist[Any] | None) -> str:
    """Return why two histograms cannot be compared."""
    if then is None:
        return "its training data have no control histogram of it"
    return (
        "the data of now have no control histogram of it"
        if now is None
        else "its control histogram has another axis now"
    )
