"""Figures computed from binned data, with their statistical uncertainty.

Every event belongs to one of GROUPS groups, by a hash of its number. A figure's uncertainty is that of the
delete-a-group jackknife over them; it needs only histograms, and is correct also for a ratio of two figures of the same
events, which are correlated.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.contents import Contents
from lineshape.engine.core.digests import uniform

Floats = NDArray[np.float64]

#: Groups of the jackknife; the relative precision of an uncertainty is then 16 %.
GROUPS: Final = 20
#: Cache of recent figures of distributions, oldest first, and its maximum size.
_KNOWN: Final[dict[object, tuple[Floats, Floats]]] = {}
_MOST_KNOWN: Final = 1000
#: Entries below which the jackknife's groups are too small.
FEW: Final = 400


#: Whether figures are wanted without their uncertainties.
_VALUES_ALONE: Final = ContextVar("values alone", default=False)


def are_values_alone() -> bool:
    """Return whether figures are wanted without their uncertainties."""
    return _VALUES_ALONE.get()


@contextmanager
def values_alone() -> Iterator[None]:
    """Leave uncertainties NaN while the block runs, for replicates of figures: a twentieth of the work."""
    token = _VALUES_ALONE.set(True)
    try:
        yield
    finally:
        _VALUES_ALONE.reset(token)


def groups(event: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the jackknife group of each event, independent of its split."""
    return (uniform(event, stream=1) * GROUPS).astype(np.int64)


def spread_of(replicates: Floats) -> Floats:
    """Return the jackknife's uncertainty of a figure from its values without one group each (groups, ...)."""
    number = len(replicates)
    return np.asarray(np.sqrt((number - 1) / number * ((replicates - replicates.mean(axis=0)) ** 2).sum(axis=0)))


def jackknife(counts: Floats, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return a figure of the sum over groups, and its uncertainty.

    counts: (groups, ...). figure: maps (samples, ...) to (samples, ...) figures; called with one sample and with as
    many as there are groups.
    """
    total = counts.sum(axis=0)
    if _VALUES_ALONE.get():
        value = figure(total[np.newaxis])[0]
        return value, np.full_like(value, np.nan, dtype=np.float64)
    without = figure(total[np.newaxis] - counts)
    return figure(total[np.newaxis])[0], spread_of(without)


def with_uncertainty(contents: Contents, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return a figure of each distribution and its uncertainty: by jackknife, or by bootstrap where entries are few.

    contents: (groups, ..., bins). figure: maps (samples, ..., bins) to (samples, ...). With fewer than FEW entries,
    effective ones where they are weighted, the groups are too small for the quantiles of a jackknife, and 400 samples
    of the bins are used instead: multinomial ones of counts; of sums of weights each bin's is a Poisson number of
    entries of its typical weight (G. Bohm and G. Zech, Nucl. Instrum. Meth. A 748 (2014) 1).

    Recent results are cached, as a table and a plot use the same figures.
    """
    if _VALUES_ALONE.get():
        return jackknife(contents.values, figure)
    # The same order in memory, whatever it came from, gives the same bits.
    contents = contents.map(lambda values: np.ascontiguousarray(values, dtype=np.float64))
    digests = [hashlib.blake2b(values.data).digest() for values in (contents.values, contents.squares)]
    key = figure, contents.values.shape, *digests
    found = _KNOWN.pop(key, None) or _with_uncertainty(contents, figure)
    _KNOWN[key] = found
    while len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.pop(next(iter(_KNOWN)), None)
    return found[0].copy(), found[1].copy()


def _with_uncertainty(contents: Contents, figure: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    value, error = jackknife(contents.values, figure)
    entries = contents.entries(0, -1)
    few = np.asarray((entries < FEW) & (entries > 0))
    if few.any():
        error = np.asarray(error).copy()
        rows, squares = (np.ascontiguousarray(each.sum(axis=0)[few]) for each in (contents.values, contents.squares))
        draws = _weighted(rows, squares) if contents.are_weighted else _drawn(rows.tobytes(), rows.shape)
        error[few] = np.nanstd(figure(draws), axis=0) if contents.are_weighted else figure(draws).std(axis=0)
    return np.asarray(value), np.asarray(error)


def _weighted(rows: Floats, squares: Floats) -> Floats:
    """Return 400 samples (400, n, bins) of distributions of sums of weights (n, bins), with their squares."""
    entries = np.divide(rows**2, squares, out=np.zeros_like(rows), where=squares > 0)
    # A bin whose weights cancel has an uncertainty nevertheless, of the size of its weights.
    size = np.divide(squares, rows, out=np.zeros_like(rows), where=rows != 0)
    drawn = np.random.default_rng(20).poisson(entries, (400, *rows.shape)) * size
    cancelled = np.sqrt(np.where(rows == 0, squares, 0.0))
    return np.asarray(drawn + cancelled * np.random.default_rng(21).standard_normal((400, *rows.shape)))


@lru_cache(maxsize=2)
def _drawn(content: bytes, shape: tuple[int, ...]) -> Floats:
    """Return 400 multinomial samples (400, n, bins) of distributions (n, bins), cached for further figures of them."""
    rows = np.frombuffer(content).reshape(shape)
    shares = rows / rows.sum(axis=-1, keepdims=True)
    draws = np.random.default_rng(20).multinomial(rows.sum(axis=-1).astype(np.int64), shares, (400, len(rows)))
    found = draws.astype(np.float64)
    found.flags.writeable = False
    return found


def quantiles(counts: Floats, edges: Floats, probabilities: list[float]) -> Floats:
    """Return quantiles of binned data, interpolated linearly within a bin.

    counts: (..., bins + 2) with underflow first and overflow last, which are taken to lie at the outer edges. Where
    negative weights make the distribution function fall, its values are taken in rising order (V. Chernozhukov,
    I. Fernández-Val and A. Galichon, Econometrica 78 (2010) 1093).
    Returns (..., len(probabilities)); NaN where there are no entries, or the sum of weights is not above zero.
    """
    outer = np.concatenate([edges[:1], edges, edges[-1:]])
    cumulative = np.cumsum(counts, axis=-1)
    total = cumulative[..., -1:]
    if (counts < 0).any():
        # Values beyond 0 and the total are those of noise at the ends.
        cumulative = np.sort(np.clip(cumulative, 0, np.maximum(total, 0)), axis=-1)
        counts = np.diff(cumulative, axis=-1, prepend=0.0)
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
    """Return the mean of binned data (..., bins + 2) from bin centres, flow bins at the outer edges; NaN if empty."""
    centres = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    return divided((counts * centres).sum(axis=-1), counts.sum(axis=-1))


def divided(above: Floats, below: Floats) -> Floats:
    """Return the quotient, NaN where the denominator is 0."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below != 0)


def over(figure: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Return a function that maps (samples, 2, ...) to the figure of the first distribution over that of the second.

    It is meant for the jackknife, which then yields the uncertainty of the ratio.
    """

    def ratio(pair: Floats) -> Floats:
        return divided(figure(pair[:, 0]), figure(pair[:, 1]))

    return ratio


def half_width(counts: Floats, edges: Floats, coverage: float) -> Floats:
    """Return half the width of the central interval that holds a fraction: (q84 − q16)/2 for 0.68."""
    tail = (1 - coverage) / 2
    low_high = quantiles(counts, edges, [tail, 1 - tail])
    return np.asarray((low_high[..., 1] - low_high[..., 0]) / 2)
