"""What histograms of classifiers have in common: score and class, and what is read off them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.measures.measure import Objects, by_group

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """Names of the classes that a column numbers from 0 on, and the one that is the signal."""

    names: tuple[str, ...]
    signal: str

    @property
    def backgrounds(self) -> list[str]:
        """The classes beside the signal."""
        return [name for name in self.names if name != self.signal]

    def axis(self) -> hist.axis.Regular:
        """Whole numbers from 0 on."""
        label = ", ".join(f"{number} {name}" for number, name in enumerate(self.names))
        return hist.axis.Regular(len(self.names), -0.5, len(self.names) - 0.5, name="class", label=label)

    def scores(self, histogram: hist.Hist[Any], *names: str) -> Floats:
        """(groups, scores) of some classes together, from a histogram of score, class and group."""
        counts = by_group(histogram)
        return np.asarray(np.sum([counts[..., 1 + self.names.index(name)] for name in names], axis=0))

    def passed(self, histogram: hist.Hist[Any], *names: str, open_end: bool) -> Floats:
        """(groups, bins, 2) of some classes together, failed and passed, from one of x, class, passed and group.

        open_end: whether what lies beyond the last bin belongs to it.
        """
        counts = np.sum([by_group(histogram)[..., 1 + self.names.index(name), :] for name in names], axis=0)
        inside = counts[:, 1:-1].copy()
        if open_end:
            inside[:, -1] += counts[:, -1]
        return np.asarray(inside)


def squashed(score: NDArray[np.float64]) -> Floats:
    """score/(1 + |score|), −1 … 1 for whatever score: the order of the objects, which is all that counts, stays."""
    return np.asarray(score / (1 + np.abs(score)))


def score_axis(bins: int) -> hist.axis.Regular:
    """The axis of squashed scores."""
    return hist.axis.Regular(bins, -1, 1, name="score", label="score/(1 + |score|)")


def require_others(classes: Sequence[str], signal: str) -> None:
    """Raise ValueError where there is no class to tell the signal from."""
    if set(classes) <= {signal}:
        raise ValueError(
            f"classes: there is nothing to tell {signal} from: expected two classes or more, in the order of their "
            "numbers from 0"
        )


def usable(objects: Objects, truth: str, classes: int) -> NDArray[np.bool_]:
    """The objects that have a score and a class."""
    label = np.asarray(objects.columns[truth], dtype=np.float64)
    return np.asarray(np.isfinite(objects.prediction.estimate) & (label >= 0) & (label < classes))


def area(signal: Floats, background: Floats) -> Floats:
    """Area under the ROC curve of binned scores (..., bins): how often signal scores higher; ties count half.

    NaN where one of the two is empty.
    """
    below = np.cumsum(background, axis=-1) - background / 2
    pairs = signal.sum(axis=-1) * background.sum(axis=-1)
    won = (signal * below).sum(axis=-1)
    return statistics.divided(won, pairs)


def efficiencies(counts: Floats) -> Floats:
    """Share of binned scores (..., bins) above each lower edge: 1 for the first."""
    above = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(above / np.maximum(above[..., :1], 1))


def background_at(signal: Floats, background: Floats, efficiency: float) -> Floats:
    """Background efficiency at a signal efficiency, linear between bins; (samples, bins) → (samples,)."""
    found = []
    for one, other in zip(efficiencies(signal), efficiencies(background), strict=True):
        found.append(np.interp(efficiency, np.append(one, 0)[::-1], np.append(other, 0)[::-1]))
    return np.array(found)


def share_passed(counts: Floats) -> Floats:
    """Of (..., 2), failed and passed; NaN where there are none."""
    return statistics.divided(counts[..., 1], counts.sum(axis=-1))


def efficiency_of(counts: Floats) -> tuple[Floats, Floats]:
    """Efficiency of (groups, ..., 2) and its uncertainty: that of the jackknife where there are enough, else binomial.

    Objects of one event are not independent, which the jackknife knows and a binomial does not. Where none or all pass,
    the uncertainty is that of one object.
    """
    value, error = statistics.jackknife(counts, share_passed)
    total = counts.sum(axis=(0, -1))
    least = 1 / np.maximum(total, 2)
    kept = np.clip(np.nan_to_num(value), least, 1 - least)
    binomial = np.sqrt(kept * (1 - kept) / np.maximum(total, 1))
    return value, np.where((total >= statistics.FEW) & (error > 0), error, binomial)


def rejection(counts: Floats) -> Floats:
    """Mean over bins of one over the efficiency, (samples, bins, 2) → (samples,); none count as half."""
    total = counts.sum(axis=-1)
    return np.asarray((total / np.maximum(counts[..., 1], 0.5)).mean(axis=1))
