"""Compute expected significances, and choose bins by them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.measures.kinds.template import BinningRule

Floats = NDArray[np.float64]
#: Bins among which edges are searched: fine ones are joined to so many of about equal background.
_CANDIDATES = 200


def asimov_squared(signal: Floats, background: Floats) -> Floats:
    """Return Z² of the median discovery significance, 2 ((s + b) ln(1 + s/b) − s), 0 without background or signal.

    Source: G. Cowan et al., Eur. Phys. J. C 71 (2011) 1554.
    """
    good = (background > 0) & (signal > 0)
    s, b = np.where(good, signal, 0.0), np.where(good, background, 1.0)
    return np.asarray(2 * ((s + b) * np.log1p(s / b) - s))


def chosen_edges(
    signal: Floats, background: Floats, squares: Floats, edges: Floats, rule: BinningRule
) -> tuple[Floats, float]:
    """Return the edges of the bins with the highest significance that keep the rule, and that significance.

    signal, background: contents of fine bins; squares: sums of the background's squared weights in them. Of the numbers
    of bins up to the rule's largest, the smallest is taken to which no bin more adds the rule's gain. There is one bin
    where no other keeps the rule.
    """
    cuts = _candidates(background)
    total = [np.concatenate([[0.0], np.cumsum(each)])[cuts] for each in (signal, background, squares)]
    count = len(cuts)
    # Value of one bin from cut i to cut j.
    s, b, w = (each[np.newaxis, :] - each[:, np.newaxis] for each in total)
    with np.errstate(divide="ignore", invalid="ignore"):
        allowed = (b > 0) & (b**2 >= rule.entries * w) & (np.sqrt(w) <= rule.error * b)
    value = np.where(
        allowed & (np.arange(count)[np.newaxis, :] > np.arange(count)[:, np.newaxis]), asimov_squared(s, b), -np.inf
    )
    best, chosen = _best(value, rule)
    if not np.isfinite(best):
        return edges[[0, -1]], float(
            np.sqrt(asimov_squared(signal.sum(keepdims=True), background.sum(keepdims=True))[0])
        )
    return edges[cuts[chosen]], float(np.sqrt(best))


def _candidates(background: Floats) -> NDArray[np.int64]:
    """Return places of edges: all, or so many that the background between them is about equal."""
    number = len(background)
    if number <= _CANDIDATES:
        return np.arange(number + 1)
    # Fine where there is little background, which is where the signal is.
    share = np.concatenate([[0.0], np.cumsum(np.abs(background))])
    share /= share[-1] or 1.0
    equal = np.searchsorted(share, np.linspace(0, 1, _CANDIDATES // 2))
    tail = np.searchsorted(share, 1 - np.geomspace(1, 1e-5, _CANDIDATES // 2))
    return np.unique(np.clip(np.concatenate([[0, number], equal, tail]), 0, number))


def _best(value: Floats, rule: BinningRule) -> tuple[float, list[int]]:
    """Return the largest sum over a chain of bins from the first cut to the last, and the cuts."""
    count = len(value)
    reach = np.full((rule.most + 1, count), -np.inf)
    reach[0, 0] = 0.0
    back = np.zeros((rule.most + 1, count), dtype=np.int64)
    for number in range(1, rule.most + 1):
        sums = reach[number - 1][:, np.newaxis] + value
        back[number] = sums.argmax(axis=0)
        reach[number] = sums.max(axis=0)
    totals = reach[1:, -1]
    if not np.isfinite(totals).any():
        return -np.inf, []
    number = _enough(totals, rule.gain)
    cuts = [count - 1]
    for left in range(number, 0, -1):
        cuts.append(int(back[left, cuts[-1]]))
    return float(reach[number, -1]), cuts[::-1]


def _enough(totals: Floats, gain: float) -> int:
    """Return the number of bins from which on one more brings less than the gain in Z."""
    z = np.sqrt(np.where(np.isfinite(totals), totals, 0.0))
    number = int(np.argmax(np.isfinite(totals)))
    for more in range(number + 1, len(z)):
        if z[more] > z[number] * (1 + gain) ** (more - number):
            number = more
    return number + 1


#: Type of functions from contents of fine bins to those of templates.
Rebin = Callable[[NDArray[Any]], NDArray[Any]]


def rebinning(fine: Floats, edges: Floats) -> Rebin:
    """Return the function that adds fine bins up to coarse ones; edges are moved to the nearest fine one."""
    places = np.unique([int(np.abs(fine - edge).argmin()) for edge in edges])
    places[0], places[-1] = 0, len(fine) - 1

    def rebin(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.add.reduceat(values, places[:-1], axis=0))

    return rebin
