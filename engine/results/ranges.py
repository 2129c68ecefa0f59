"""Compute the ranges of a plot's axes."""

import numpy as np

from lineshape.engine.measures.plots import Plot, Series

Range = tuple[float, float]


def x_range_of(plot: Plot) -> Range | None:
    """Return the range of the horizontal axis; None where the drawing program chooses it."""
    if plot.x_range or plot.x_log or not plot.series:
        return plot.x_range
    low, high = min(s.x[0] for s in plot.series), max(s.x[-1] for s in plot.series)
    # A training of one epoch is a single point.
    return (float(low), float(high)) if low < high else (float(low) - 0.5, float(high) + 0.5)


def y_range_of(plot: Plot) -> Range | None:
    """Return the range of the vertical axis, of what is seen; None where nothing is."""
    if plot.y_range or not plot.series:
        return plot.y_range
    visible = np.concatenate([_visible(series, plot) for series in plot.series])
    if not len(visible):
        return None
    if plot.y_log:
        return float(visible[visible > 0].min() / 2), float(visible.max() * 3)
    return float(min(0.0, 1.2 * visible.min())), float(visible.max() * 1.08)


def _visible(series: Series, plot: Plot) -> np.ndarray:
    x = series.x if len(series.x) == len(series.y) else (series.x[1:] + series.x[:-1]) / 2
    low, high = plot.x_range or (-np.inf, np.inf)
    values: np.ndarray = series.y[(x >= low) & (x <= high) & np.isfinite(series.y)]
    return values
