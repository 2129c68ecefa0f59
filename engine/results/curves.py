"""Draw the curves of a plot, and the panel of their ratios to one of them."""

from typing import TYPE_CHECKING

import numpy as np

from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.results.style import Style, barred

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Relative uncertainty beyond which the ratio of two histograms' bins is left out: it would show noise alone.
_CLEAR = 0.25
#: Largest ratio that is shown as a point: above this, and below its inverse, an arrow replaces the point.
_FURTHEST = 3.0
#: Share of the axis from which a bin is wide.
_WIDE = 0.07


def shift_of(index: int, count: int) -> float:
    """Return the offset of a model's points in a bin, −0.3 … 0.3 of its width: points of several are side by side."""
    return 0.6 * (index - (count - 1) / 2) / max(count - 1, 1) if count > 1 else 0.0


def _wide(series: Series) -> float:
    """Return the width from which a bin is wide: its points stand close together, on bars as long as the bin."""
    return float(_WIDE * (series.x[-1] - series.x[0]))


def _places(series: Series, shift: float) -> np.ndarray:
    """Return where the points of bins stand."""
    widths = np.minimum(np.diff(series.x), _wide(series))
    return np.asarray((series.x[1:] + series.x[:-1]) / 2 + shift * widths)


def curve(axes: "Axes", series: Series, style: Style, shift: float) -> None:
    """Draw a curve: steps, a line with its band, or points, those of wide bins on bars as long as the bin."""
    colour, line = style.colour(series.key), "--" if series.dashed else style.line(series.key)
    label = barred(series.label)
    if series.style == "steps":
        axes.stairs(series.y, series.x, label=label, color=colour, linestyle=line, linewidth=1.6, baseline=None)
    elif series.style == "line":
        axes.plot(series.x, series.y, label=label, color=colour, linestyle=line, linewidth=1.8)
        if series.error is not None:
            axes.fill_between(series.x, series.y - series.error, series.y + series.error, color=colour, alpha=0.2)
    else:
        wide = np.diff(series.x) > _wide(series)
        axes.hlines(
            series.y[wide], series.x[:-1][wide], series.x[1:][wide], color=colour, alpha=0.4, linewidth=0.9, zorder=1
        )
        axes.errorbar(
            _places(series, shift),
            series.y,
            yerr=series.error,
            label=label,
            color=colour,
            marker=style.marker(series.key),
            markersize=4,
            linestyle="none",
            elinewidth=1.2,
        )


def ratio_panel(axes: "Axes", plot: Plot, style: Style) -> None:
    """Draw the ratio of each curve to one of them, on a scale that fits the models that were trained."""
    from matplotlib.ticker import MaxNLocator

    reference = next(series for series in plot.series if series.key == plot.ratio_to)
    others = {series.key for series in plot.series} - {reference.key}
    scaled_to = {reference.key, *(others & set(style.trained) or others)}
    good = []
    points = []
    for index, series in enumerate(plot.series):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = series.y / reference.y
            error = None if series.error is None else np.where(series is reference, 0, series.error / reference.y)
        if series.ratio is not None:
            ratio, error = series.ratio
        if series.style == "steps":
            ratio = np.where(_relative_error(series, reference) < _CLEAR, ratio, np.nan)
        shown = Series(series.key, "", series.x, ratio, error, series.style, series.dashed)
        shift = shift_of(index, len(plot.series))
        curve(axes, shown, style, shift)
        if series.style == "points":
            points.append((shown, shift))
        inside = np.ones_like(ratio, dtype=bool)
        if plot.x_range:
            centres = (series.x[1:] + series.x[:-1]) / 2
            inside = (centres > plot.x_range[0]) & (centres < plot.x_range[1])
        if series.key in scaled_to:
            good.append(ratio[inside & np.isfinite(ratio)])
    axes.axhline(1.0, color="black", linewidth=0.8)
    values = np.concatenate(good)
    if len(values):
        axes.set_ylim(*_ratio_limits(values, len(points) == len(plot.series)))
        for shown, shift in points:
            arrows(axes, shown, style, shift)
    # A label at either end of the panel would overlap those of its neighbours.
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, prune="both"))
    axes.set_ylabel(f"/ {reference.label}", loc="center")
    if plot.x_range:
        axes.set_xlim(*plot.x_range)


def _ratio_limits(values: np.ndarray, points: bool) -> tuple[float, float]:
    """Return the range of a panel of ratios: of all points by bins, or of a line shape without its outer values."""
    low, high = np.quantile(values, [0.0, 1.0] if points else [0.03, 0.97])
    # A line shape may leave the panel where it is half as high again: the panel is there for small differences.
    lowest, highest = (1 / _FURTHEST, _FURTHEST) if points else (0.5, 1.5)
    margin = max(0.03, 0.05 * (high - low)) if points else 0.03
    return max(min(low - margin, 0.95), lowest), min(max(high + margin, 1.05), highest)


def arrows(axes: "Axes", series: Series, style: Style, shift: float) -> None:
    """Draw arrows at the panel's edge for points beyond it."""
    low, high = axes.get_ylim()
    places = _places(series, shift)
    for beyond, edge, start in ((series.y > high, 0.99, 0.8), (series.y < low, 0.01, 0.2)):
        for place in places[beyond]:
            axes.annotate(
                "",
                (place, edge),
                (place, start),
                axes.get_xaxis_transform(),
                arrowprops={"arrowstyle": "->", "color": style.colour(series.key), "shrinkA": 0, "shrinkB": 0},
                annotation_clip=True,
            )


def _relative_error(series: Series, reference: Series) -> np.ndarray:
    """Return the relative uncertainty of a ratio, as if numerator and denominator were of different objects."""
    squares = np.zeros_like(series.y)
    for part in (series, reference):
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = squares + (0 if part.error is None else np.nan_to_num(part.error / part.y, nan=np.inf) ** 2)
    return np.asarray(np.sqrt(squares))
