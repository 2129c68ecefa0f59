"""Find remarks on a trained model for its readers: a feature gives away the truth, nothing was learnt, or it got worse.

The rate of false alarms of each stands beside its threshold. Remarks are found from at most SAMPLE validation rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

#: Largest number of validation rows that are inspected; of more, evenly spaced ones, in random order.
SAMPLE: Final = 20_000
#: Threshold in standard errors. Of models that learnt nothing, 0.3 % pass by one of two criteria without a remark; of
#: models whose gain is six standard errors, one in a thousand gets a remark.
_SIGMAS: Final = 3.0
#: Threshold on the area under the ROC curve of one feature. With _FEW rows of each class, the probability of reaching
#: it by chance is 1e-29.
_PERFECT: Final = 0.9999
_FEW: Final = 50
#: Threshold on 1 − |correlation| of a feature with the truth: a residual of 5e-6 of its width, which no detector
#: reaches.
_COPY: Final = 1e-11
#: Smallest number of losses for a remark on their mean.
_FEWEST: Final = 20
#: Smallest number of steps of a history for a remark on its course.
_STEPS: Final = 9


@dataclass(frozen=True)
class RowSample:
    """Validation rows that remarks are found from.

    names: names of the features. features: (n, features). target: (n,) or (n, components). classes: number of classes
    of the target, None where it is a quantity. per: column that the truth was divided by, None if it was not.
    """

    names: Sequence[str]
    features: Floats
    target: Floats
    classes: int | None = None
    per: str | None = None

    @property
    def truths(self) -> list[Floats]:
        """Components of the target, and the true quantity where it was divided by a feature."""
        per = [self.target * self.features[:, self.names.index(self.per)]] if self.per in self.names else []
        return [*np.atleast_2d(self.target.T), *per]


def chosen(rows: int, seed: int) -> NDArray[np.int64]:
    """Return the indices of the rows to inspect, in random order, as neighbours on disk are of one sample and alike."""
    places = np.arange(0, rows, max(1, -(-rows // SAMPLE)), dtype=np.int64)
    return np.random.default_rng(seed).permutation(places)


def on_features(sample: RowSample) -> list[str]:
    """Return remarks on features from which the target follows."""
    told = [name for name, x in zip(sample.names, sample.features.T, strict=True) if _gives_away(x, sample)]
    if not told:
        return []
    what = "separates the classes without a mistake" if sample.classes else "is a copy of the target"
    many = ", and so do " if sample.classes else ", and so are "
    others = f"{many}{', '.join(told[1:])}" if told[1:] else ""
    return [f"feature {told[0]} alone {what}{others}: is it the truth, or made from it?"]


def on_gain(own: Floats | Sequence[float], other: Floats | Sequence[float]) -> list[str]:
    """Return remarks on a model that does no better than with permuted features.

    own, other: losses of rows in random order, or of batches of them, as they are and with permuted features. If
    nothing was learnt, either is the larger equally often. A gain shows in the mean of the differences or, where a few
    rows of a long tail hide it there, in how often `other` is the larger.
    """
    if len(own) < _FEWEST or not (np.isfinite(own).all() and np.isfinite(other).all()):
        return []
    more = np.asarray(other, dtype=np.float64) - np.asarray(own, dtype=np.float64)
    gain, error = more.mean(), more.std(ddof=1) / np.sqrt(len(more))
    up, down = int((more > 0).sum()), int((more < 0).sum())
    if gain > _SIGMAS * error or up - down > _SIGMAS * np.sqrt(up + down):
        return []
    shows = f"with the features of other rows its validation loss changes by {gain:+.2g} ± {error:.2g}"
    return [f"it learnt nothing that shows: {shows}"]


def on_history(lines: Sequence[Mapping[str, float]], steps: str) -> list[str]:
    """Return remarks on a validation loss that grew.

    False alarms: of losses that only fluctuate, 1 % after 9 steps, 0.4 % after 30, 0.2 % after 100.
    """
    losses = np.array([line["validation"] for line in lines])
    if len(losses) < _STEPS or not np.isfinite(losses).all():
        return []
    third = len(losses) // 3
    first, last = losses[:third].mean(), losses[-third:].mean()
    # The difference of two steps has √2 times the standard deviation of one.
    error = np.diff(losses).std() / np.sqrt(2) * np.sqrt(2 / third)
    if not last - first > _SIGMAS * error:
        return []
    course = f"{first:.4g} on average over the first third of {len(losses)} {steps}, {last:.4g} over the last"
    return [f"its validation loss grew: {course}; it overfits, or learns too fast (rate)"]


def on_batch(batch: int, rows: int) -> list[str]:
    """Return remarks on batches that are larger than the number of rows."""
    if batch <= rows:
        return []
    return [f"batch: {batch:,} rows were asked for, and there are {rows:,}: an epoch is one step, with all of them"]


def area(score: Floats, signal: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of a score, by ranks; equal scores count half, NaN without both classes."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place]
    ones, zeros = int(signal.sum()), int((~signal).sum())
    if not (ones and zeros and len(values)):
        return np.nan
    return float((ranks[signal].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _gives_away(x: Floats, sample: RowSample) -> bool:
    good = np.isfinite(x)
    if sample.classes:
        labels = [sample.target[good] == label for label in range(sample.classes)]
        areas = [area(x[good], own) for own in labels if min(own.sum(), (~own).sum()) >= _FEW]
        return any(max(each, 1 - each) >= _PERFECT for each in areas)
    return good.sum() >= 2 * _FEW and any(_is_copy(x[good], truth[good]) for truth in sample.truths)


def _is_copy(x: Floats, target: Floats) -> bool:
    a, b = (each.astype(np.float64) - each.mean(dtype=np.float64) for each in (x, target))
    width = np.sqrt((a @ a) * (b @ b))
    return bool(width > 0 and 1 - abs(a @ b) / width < _COPY)
