"""Compute the ratios of a plot's curves to one of them, and the scale of the panel that shows them."""

from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from lineshape.engine.measures.plots import Plot, Series

#: Relative uncertainty beyond which the ratio of two histograms' bins is left out: it would show noise alone.
_CLEAR = 0.25
#: Largest ratio that is shown as a point: above this, and below its inverse, an arrow replaces the point.
_FURTHEST = 3.0


def reference_of(plot: Plot) -> Series | None:
    """Return the curve that others are divided by, None where the plot has no panel of ratios."""
    return next((series for series in plot.series if plot.ratio_to is not None and series.key == plot.ratio_to), None)


def ratios_of(plot: Plot, reference: Series) -> list[Series]:
    """Return the ratio of each curve, without a label: as known by the measure, else of the two curves."""
    found = []
    for series in plot.series:
        if series.filled:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = series.y / reference.y
            error = None if series.error is None else np.where(series is reference, 0, series.error / reference.y)
        if series.ratio is not None:
            ratio, error = series.ratio
        if series.style == "steps":
            ratio = np.where(_relative_error(series, reference) < _CLEAR, ratio, np.nan)
        found.append(replace(series, label="", y=ratio, error=error, ratio=None, systematic=series.ratio_systematic))
    return found


def scale_of(
    plot: Plot, reference: Series, ratios: Sequence[Series], trained: Container[str]
) -> tuple[float, float] | None:
    """Return the range of a panel of ratios, which fits the models that were trained; None where there is no ratio.

    It is that of all points in bins, or that of a line shape without its outer values.
    """
    others = {series.key for series in plot.series} - {reference.key}
    scaled_to = {reference.key, *({key for key in others if key in trained} or others)}
    good = [ratio.y[_inside(ratio, plot) & np.isfinite(ratio.y)] for ratio in ratios if ratio.key in scaled_to]
    values = np.concatenate(good) if good else np.array([])
    if not len(values):
        return None
    points = all(ratio.style == "points" for ratio in ratios)
    low, high = np.quantile(values, [0.0, 1.0] if points else [0.03, 0.97])
    # A line shape may leave the panel where it is half as high again: the panel is there for small differences.
    lowest, highest = (1 / _FURTHEST, _FURTHEST) if points else (0.5, 1.5)
    margin = max(0.03, 0.05 * (high - low)) if points else 0.03
    return max(min(low - margin, 0.95), lowest), min(max(high + margin, 1.05), highest)


def _inside(series: Series, plot: Plot) -> np.ndarray:
    if not plot.x_range:
        return np.ones_like(series.y, dtype=bool)
    centres = (series.x[1:] + series.x[:-1]) / 2
    return np.asarray((centres > plot.x_range[0]) & (centres < plot.x_range[1]))


def _relative_error(series: Series, reference: Series) -> np.ndarray:
    """Return the relative uncertainty of a ratio, as if numerator and denominator were of different objects."""
    squares = np.zeros_like(series.y)
    for part in (series, reference):
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = squares + (0 if part.error is None else np.nan_to_num(part.error / part.y, nan=np.inf) ** 2)
    return np.asarray(np.sqrt(squares))
