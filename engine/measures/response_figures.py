"""Read centres and widths off binned distributions of the response: mode, and mean and width of the Gaussian core."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics

Floats = NDArray[np.float64]

#: Widths from the centre that the Gaussian core reaches, and the width of what is left of a Gaussian between them.
_WITHIN, _CUT = 1.5, 0.74265
#: Entries below which there is no mode or core.
_FEW = 20


def _row_by_row(
    read: Callable[[Floats, Floats, Floats, float], float], counts: Floats, edges: Floats, spread: Floats
) -> Floats:
    """Return a figure of each distribution of counts (..., bins + 2), NaN of those with few entries.

    read: of counts, centres and widths of the bins, and the half-width of the distribution. spread: these, (...).
    """
    inside = counts[..., 1:-1]
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    flat = inside.reshape(-1, len(widths))
    own = np.broadcast_to(spread, inside.shape[:-1]).ravel()
    pairs = zip(flat, own, strict=True)
    found = [read(row, centres, widths, float(each)) if row.sum() >= _FEW else np.nan for row, each in pairs]
    return np.array(found).reshape(inside.shape[:-1])


def mode(counts: Floats, edges: Floats) -> Floats:
    """Return the mode of binned data (..., bins + 2): the highest point of the density, smoothed by a Gaussian.

    Its width is 1.06 σ n^(−1/7), with σ of the central 68 %. The flow bins are left out.
    Source: B. Silverman, Density Estimation (1986); J. Romano, Ann. Stat. 16 (1988) 629, on the exponent for modes.
    """
    spread = statistics.half_width(counts, edges, 0.68)
    return _row_by_row(_mode, counts, edges, spread)


def _mode(row: Floats, centres: Floats, widths: Floats, spread: float) -> float:
    size = max(1.06 * spread * float(row.sum()) ** (-1 / 7), float(widths[np.argmax(row)]))
    # Only what is near the centre can be the highest point.
    near = np.abs(centres - _median(row, centres)) <= max(3 * spread, 5 * size)
    grid = np.linspace(centres[near][0], centres[near][-1], 201)
    seen = (centres > grid[0] - 5 * size) & (centres < grid[-1] + 5 * size)
    density = np.exp(-0.5 * ((grid[:, None] - centres[seen]) / size) ** 2) @ row[seen]
    best = int(np.argmax(density))
    if 0 < best < len(grid) - 1:
        left, here, right = density[best - 1 : best + 2]
        bend = left - 2 * here + right
        return float(grid[best] + 0.5 * (left - right) / bend * (grid[1] - grid[0]) if bend else grid[best])
    return float(grid[best])


def _median(row: Floats, centres: Floats) -> float:
    return float(centres[min(int(np.searchsorted(np.cumsum(row), row.sum() / 2)), len(centres) - 1)])


def core(counts: Floats, edges: Floats, which: int) -> Floats:
    """Return the mean (0) or the width (1) of the Gaussian core of binned data (..., bins + 2).

    It is of what is within 1.5 widths of the mean, again and again until it stays, and the width is that of a Gaussian
    which has such a core.
    """
    spread = statistics.half_width(counts, edges, 0.68)
    return _row_by_row(lambda *of: _core(*of)[which], counts, edges, spread)


core_mean = partial(core, which=0)
core_width = partial(core, which=1)


def _core(row: Floats, centres: Floats, widths: Floats, spread: float) -> tuple[float, float]:
    centre, width = _median(row, centres), spread
    for _ in range(100):
        # A bin at the edge of the core counts by the part of it that is inside.
        low, high = centre - _WITHIN * width, centre + _WITHIN * width
        start, stop = np.maximum(centres - widths / 2, low), np.minimum(centres + widths / 2, high)
        kept = row * np.clip((stop - start) / widths, 0, 1)
        if kept.sum() <= 0:
            return float("nan"), float("nan")
        middle = (start + stop) / 2
        new = float((kept * middle).sum() / kept.sum())
        variance = float((kept * (middle - new) ** 2).sum() / kept.sum())
        new_width = float(np.sqrt(max(variance, 0.0))) / _CUT
        done = abs(new - centre) < 1e-7 and abs(new_width - width) < 1e-7
        centre, width = new, new_width
        if done or not width:
            break
    return float(centre), float(width)
