"""Define what histograms of classifiers share: axes of score and class, and figures read off them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents
from lineshape.engine.measures.measure import Objects, by_group

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """Names of the classes, which a column numbers from 0, and the one that is the signal."""

    names: tuple[str, ...]
    signal: str

    @property
    def backgrounds(self) -> list[str]:
        """Names of all classes but the signal."""
        return [name for name in self.names if name != self.signal]

    def axis(self) -> hist.axis.Regular:
        """Return the axis of class numbers from 0."""
        label = ", ".join(f"{number} {name}" for number, name in enumerate(self.names))
        return hist.axis.Regular(len(self.names), -0.5, len(self.names) - 0.5, name="class", label=label)

    def scores(self, histogram: hist.Hist[Any], *names: str) -> Contents:
        """Return (groups, scores), summed over some classes, from a histogram of score, class and group."""
        places = [1 + self.names.index(name) for name in names]
        return by_group(histogram).map(lambda counts: np.sum([counts[..., place] for place in places], axis=0))

    def passed(self, histogram: hist.Hist[Any], *names: str, open_end: bool) -> Contents:
        """Return (groups, bins, 2), failed and passed, summed over some classes.

        histogram: of x, class, passed and group.

        open_end: whether the last bin includes the overflow.
        """
        places = [1 + self.names.index(name) for name in names]

        def inside(contents: Floats) -> Floats:
            counts = np.sum([contents[..., place, :] for place in places], axis=0)
            found = counts[:, 1:-1].copy()
            if open_end:
                found[:, -1] += counts[:, -1]
            return np.asarray(found)

        return by_group(histogram).map(inside)


def squashed(score: NDArray[np.float64]) -> Floats:
    """Return score/(1 + |score|), within −1 … 1: the order of the objects, which is all that matters, is kept."""
    return np.asarray(score / (1 + np.abs(score)))


def score_axis(bins: int) -> hist.axis.Regular:
    """Return the axis of squashed scores."""
    return hist.axis.Regular(bins, -1, 1, name="score", label="score/(1 + |score|)")


def require_others(classes: Sequence[str], signal: str) -> None:
    """Raise ValueError where there is no class but the signal."""
    if set(classes) <= {signal}:
        raise ValueError(
            f"classes: there is nothing to tell {signal} from: expected two classes or more, in the order of their "
            "numbers from 0"
        )


def usable(objects: Objects, truth: str, classes: int) -> NDArray[np.bool_]:
    """Return which objects have a score and a class."""
    label = np.asarray(objects.columns[truth], dtype=np.float64)
    return np.asarray(np.isfinite(objects.prediction.estimate) & (label >= 0) & (label < classes))


def area(signal: Floats, background: Floats) -> Floats:
    """Return the area under the ROC curve of binned scores (..., bins): how often signal scores higher.

    Ties count half. NaN where signal or background is empty.
    """
    below = np.cumsum(background, axis=-1) - background / 2
    pairs = signal.sum(axis=-1) * background.sum(axis=-1)
    won = (signal * below).sum(axis=-1)
    return statistics.divided(won, pairs)


def efficiencies(counts: Floats) -> Floats:
    """Return the share of binned scores (..., bins) above each lower edge: 1 for the first."""
    above = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    return np.divide(above, above[..., :1], out=np.zeros_like(above), where=above[..., :1] != 0)


def background_at(signal: Floats, background: Floats, efficiency: float) -> Floats:
    """Return the background efficiency at a signal efficiency, linear between bins; (samples, bins) → (samples,)."""
    found = []
    for one, other in zip(efficiencies(signal), efficiencies(background), strict=True):
        found.append(np.interp(efficiency, np.append(one, 0)[::-1], np.append(other, 0)[::-1]))
    return np.array(found)


def share_passed(counts: Floats) -> Floats:
    """Return the share that passed, of (..., 2), failed and passed; NaN where there are no objects."""
    return statistics.divided(counts[..., 1], counts.sum(axis=-1))


def efficiency_of(counts: Contents) -> tuple[Floats, Floats]:
    """Return the efficiency of (groups, ..., 2) and its uncertainty.

    The uncertainty is the jackknife's, or binomial where entries are few. The jackknife accounts for correlations of
    objects of one event, which a binomial does not. Where none or all objects pass, the uncertainty is that of one
    object.
    """
    value, error = statistics.jackknife(counts.values, share_passed)
    total = counts.entries(0, -1)
    least = 1 / np.maximum(total, 2)
    kept = np.clip(np.nan_to_num(value), least, 1 - least)
    binomial = np.sqrt(kept * (1 - kept) / np.maximum(total, 1))
    return value, np.where((total >= statistics.FEW) & (error > 0), error, binomial)


def rejection(counts: Floats, unit: float = 1.0) -> Floats:
    """Return the mean over bins of 1/efficiency, (samples, bins, 2) → (samples,).

    Where no object passes, half an object is counted. unit: weight of an object.
    """
    total = counts.sum(axis=-1)
    return np.asarray((total / np.maximum(counts[..., 1], 0.5 * unit)).mean(axis=1))
