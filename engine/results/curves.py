"""Draw the curves of a plot, and the panel of their ratios to one of them."""

from typing import TYPE_CHECKING

import numpy as np

from lineshape.engine.measures.plots import DATA, Plot, Series
from lineshape.engine.results.ratios import ratios_of, scale_of
from lineshape.engine.results.style import Style, barred

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Share of the axis from which a bin is wide.
_WIDE = 0.07


def shift_of(index: int, count: int) -> float:
    """Return the offset of a model's points in a bin, −0.3 … 0.3 of its width: points of several are side by side."""
    return 0.6 * (index - (count - 1) / 2) / max(count - 1, 1) if count > 1 else 0.0


def _wide(series: Series) -> float:
    """Return the width from which a bin is wide: its points stand close together, on bars as long as the bin."""
    return float(_WIDE * (series.x[-1] - series.x[0]))


def places_of(series: Series, shift: float) -> np.ndarray:
    """Return where the points of bins stand."""
    if series.key == DATA:  # alone, in the middle of bins
        shift = 0.0
    widths = np.minimum(np.diff(series.x), _wide(series))
    return np.asarray((series.x[1:] + series.x[:-1]) / 2 + shift * widths)


def curve(axes: "Axes", series: Series, style: Style, shift: float) -> None:
    """Draw a curve: steps, a line with its band, or points, those of wide bins on bars as long as the bin."""
    colour, line = style.colour(series.key), "--" if series.dashed else style.line(series.key)
    label = barred(series.label)
    if series.systematic is not None:
        _band(axes, series, colour)
    if series.filled:
        axes.stairs(series.y, series.x, label=label, color=colour, fill=True, alpha=0.75, linewidth=0)
    elif series.style == "steps":
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
            places_of(series, shift),
            series.y,
            yerr=series.error,
            label=label,
            color=colour,
            marker=style.marker(series.key),
            markersize=4,
            linestyle="none",
            elinewidth=1.2,
        )


def _band(axes: "Axes", series: Series, colour: str) -> None:
    """Draw the systematic uncertainty as a band around a curve, in each bin or along a line."""
    assert series.systematic is not None
    low, high = series.y - series.systematic, series.y + series.systematic
    if series.style == "line":
        axes.fill_between(series.x, low, high, color=colour, alpha=0.25, linewidth=0)
    else:
        axes.stairs(high, series.x, baseline=low, fill=True, color=colour, alpha=0.25, linewidth=0)


def ratio_panel(axes: "Axes", plot: Plot, reference: Series, style: Style) -> None:
    """Draw the ratio of each curve to one of them, on a scale that fits the models that were trained."""
    from matplotlib.ticker import MaxNLocator

    ratios = ratios_of(plot, reference)
    for index, ratio in enumerate(ratios):
        curve(axes, ratio, style, shift_of(index, len(ratios)))
    axes.axhline(1.0, color="black", linewidth=0.8)
    if scale := scale_of(plot, reference, ratios, style.trained):
        axes.set_ylim(*scale)
        for index, ratio in enumerate(ratios):
            if ratio.style == "points":
                arrows(axes, ratio, style, shift_of(index, len(ratios)))
    # A label at either end of the panel would overlap those of its neighbours.
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, prune="both"))
    axes.set_ylabel(f"/ {reference.label}", loc="center")
    if plot.x_range:
        axes.set_xlim(*plot.x_range)


def arrows(axes: "Axes", series: Series, style: Style, shift: float) -> None:
    """Draw arrows at the panel's edge for points beyond it."""
    low, high = axes.get_ylim()
    places = places_of(series, shift)
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
