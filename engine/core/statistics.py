"""Figures read off binned data, with their statistical uncertainty.

Every event belongs to one of GROUPS groups, by a hash of its number. A figure's uncertainty is that of the
delete-a-group jackknife over them; it needs nothing but histograms, and a ratio of two figures of the same events gets
the right one.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.digests import uniform

Floats = NDArray[np.float64]

#: Groups of the jackknife; an uncertainty is then itself known to 16 %.
GROUPS: Final = 20
#: Figures of distributions that were read lately, oldest first, and how many of them are kept.
_KNOWN: Final[dict[object, tuple[Floats, Floats]]] = {}
_MOST_KNOWN: Final = 1000
#: Entries below which the jackknife's groups are too small.
FEW: Final = 400


def groups(event: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The group of each event, independent of its split."""
    return (uniform(event, stream=1) * GROUPS).astype(np.int64)


def jackknife(counts: Floats, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """A figure of the sum over groups, and its uncertainty.

    counts: (groups, ...). figure: from (samples, ...) to (samples, ...) figures; called with one sample and with as
    many as there are groups.
    """
    total = counts.sum(axis=0)
    without = figure(total[np.newaxis] - counts)
    number = len(counts)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return figure(total[np.newaxis])[0], np.sqrt((number - 1) / number * spread)


def with_uncertainty(counts: Floats, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """A figure of each distribution with its uncertainty: by the jackknife, or the bootstrap where entries are few.

    counts: (groups, ..., bins). figure: from (samples, ..., bins) to (samples, ...). With fewer than FEW entries the
    groups are too small for the quantiles of a jackknife; 400 multinomial samples of the binned entries are not.

    What was asked for lately is known: a table and a plot read the same figures.
    """
    counts = np.ascontiguousarray(counts, dtype=np.float64)
    key = figure, counts.shape, hashlib.blake2b(counts.data).digest()
    found = _KNOWN.pop(key, None) or _with_uncertainty(counts, figure)
    _KNOWN[key] = found
    while len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.pop(next(iter(_KNOWN)), None)
    return found[0].copy(), found[1].copy()


def _with_uncertainty(counts: Floats, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    value, error = jackknife(counts, figure)
    total = counts.sum(axis=0)
    entries = total.sum(axis=-1)
    few = np.asarray((entries < FEW) & (entries > 0))
    if few.any():
        rows = np.ascontiguousarray(total[few])
        error = np.asarray(error).copy()
        error[few] = figure(_drawn(rows.tobytes(), rows.shape)).std(axis=0)
    return np.asarray(value), np.asarray(error)


@lru_cache(maxsize=2)
def _drawn(content: bytes, shape: tuple[int, ...]) -> Floats:
    """Return 400 multinomial samples (400, n, bins) of distributions (n, bins); the next figure is of the same ones."""
    rows = np.frombuffer(content).reshape(shape)
    shares = rows / rows.sum(axis=-1, keepdims=True)
    draws = np.random.default_rng(20).multinomial(rows.sum(axis=-1).astype(np.int64), shares, (400, len(rows)))
    found = draws.astype(np.float64)
    found.flags.writeable = False
    return found


def quantiles(counts: Floats, edges: Floats, probabilities: list[float]) -> Floats:
    """Quantiles of binned data, linear within a bin.

    counts: (..., bins + 2) with underflow first and overflow last, which are taken to lie at the outer edges.
    Returns (..., len(probabilities)); NaN where there are no entries.
    """
    outer = np.concatenate([edges[:1], edges, edges[-1:]])
    cumulative = np.cumsum(counts, axis=-1)
    total = cumulative[..., -1:]
    found = []
    for probability in probabilities:
        wanted = probability * total
        index = np.minimum((cumulative < wanted).sum(axis=-1, keepdims=True), counts.shape[-1] - 1)
        inside = np.take_along_axis(counts, index, axis=-1)
        before = np.take_along_axis(cumulative, index, axis=-1) - inside
        share = np.divide(wanted - before, inside, out=np.zeros_like(inside), where=inside > 0)
        value = outer[index] + share * (outer[index + 1] - outer[index])
        found.append(np.where(total > 0, value, np.nan)[..., 0])
    return np.stack(found, axis=-1)


def mean(counts: Floats, edges: Floats) -> Floats:
    """Mean of binned data (..., bins + 2) from bin centres; flow bins count at the outer edges. NaN without entries."""
    centres = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    return divided((counts * centres).sum(axis=-1), counts.sum(axis=-1))


def divided(above: Floats, below: Floats) -> Floats:
    """One by the other, NaN where that is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)


def over(figure: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """From (samples, 2, ...) a figure of the first distribution over that of the second, for the jackknife."""

    def ratio(pair: Floats) -> Floats:
        return divided(figure(pair[:, 0]), figure(pair[:, 1]))

    return ratio


def half_width(counts: Floats, edges: Floats, coverage: float) -> Floats:
    """Half the width of the central interval that holds a fraction: (q84 − q16)/2 for 0.68."""
    tail = (1 - coverage) / 2
    low_high = quantiles(counts, edges, [tail, 1 - tail])
    return np.asarray((low_high[..., 1] - low_high[..., 0]) / 2)
