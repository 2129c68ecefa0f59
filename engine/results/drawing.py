"""Draw plots as PNG for the page and as PDF for slides.

matplotlib is imported where it is used.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lineshape.engine.core.files import replacing
from lineshape.engine.measures.plots import Map, Plot, Series

if TYPE_CHECKING:
    import hist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that colour-blind readers can distinguish (Petroff 2021), the baseline's first; his second grey is a green.
COLOURS = ("#3f90da", "#717581", "#ffa90e", "#832db6", "#bd1f01", "#92dadd", "#a96b59", "#e76300", "#b9ac70", "#005028")
#: Relative uncertainty beyond which the ratio of two histograms' bins is left out: it would show noise alone.
_CLEAR = 0.25
#: Largest ratio that is shown as a point: above this, and below its inverse, an arrow replaces the point.
_FURTHEST = 3.0
#: Share of the axis from which a bin is wide.
_WIDE = 0.07
#: Inches of white around a plot.
_PADDING = 0.1
MARKERS = ("o", "s", "^", "v", "D", "P", "X", "<", ">", "*")


@dataclass(frozen=True)
class Style:
    """Colour and marker of each model, the same in all plots, and the heading and note above each plot."""

    keys: tuple[str, ...]
    heading: str
    note: str
    #: Models that were trained: panels of ratios are scaled to them, where there are any beside the reference.
    trained: tuple[str, ...] = ()

    def of(self, plot: Plot) -> "Style":
        """Return the style of a plot: with colours of its own where it shows no models, or some of many."""
        shown = dict.fromkeys(series.key for series in plot.series)
        known = [key for key in self.keys if key in shown]
        if known and len(self.keys) <= len(COLOURS):
            return self
        return replace(self, keys=tuple(dict.fromkeys([self.keys[0], *known]) if known else shown))

    def colour(self, key: str) -> str:
        """Return the colour of a model; black for any other key."""
        return COLOURS[self.keys.index(key) % len(COLOURS)] if key in self.keys else "black"

    def line(self, key: str) -> str:
        """Return the line style of a model: dots and dashes where its colour is used a second time."""
        return "-." if key in self.keys and self.keys.index(key) >= len(COLOURS) else "-"

    def marker(self, key: str) -> str:
        """Return the marker of a model."""
        return MARKERS[self.keys.index(key) % len(MARKERS)] if key in self.keys else "o"


@contextmanager
def canvas(minor_ticks: bool = True) -> Iterator[Any]:
    """Yield pyplot without a screen, in the style of the field."""
    import warnings

    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    with warnings.catch_warnings():
        # mplhep registers its fonts with a function that matplotlib is about to rename.
        warnings.simplefilter("ignore")
        import mplhep
    changes: dict[Any, Any] = {
        "font.size": 13,
        "legend.fontsize": 11,
        "xtick.minor.visible": minor_ticks,
        "ytick.minor.visible": minor_ticks,
    }
    with plt.style.context(mplhep.style.ATLAS), mpl.rc_context(changes), _without_noise():
        yield plt


@contextmanager
def _without_noise() -> Iterator[None]:
    """Suppress what matplotlib logs about symbols of its own (a root's), which it finds in its second font.

    Messages about symbols of a label that no font has are still logged.
    """
    log = logging.getLogger("matplotlib.mathtext")

    def is_told(record: logging.LogRecord) -> bool:
        return not (record.msg.startswith("No TeX to Unicode mapping") and "\\__" in str(record.args))

    log.addFilter(is_told)
    try:
        yield
    finally:
        log.removeFilter(is_told)


def draw(plot: Plot, folder: Path, style: Style) -> str:
    """Draw a plot as PNG and PDF into a folder; return the name of the PNG."""
    if plot.plane is not None:
        return _draw_plane(plot, plot.plane, folder, style)
    with canvas() as plt:
        from matplotlib.ticker import NullLocator

        ratio = plot.ratio_to is not None and any(series.key == plot.ratio_to for series in plot.series)
        figure, axes = plt.subplots(
            2 if ratio else 1,
            1,
            figsize=(7.2, 6.4 if ratio else 5.2),
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": [3, 1.15], "hspace": 0.06} if ratio else None,
        )
        main = axes[0, 0]
        style = style.of(plot)
        for index, series in enumerate(plot.series):
            _curve(main, series, style, _shift(index, len(plot.series)))
        for band in plot.bands:
            main.axhspan(band.low, band.high, color="black", alpha=0.1, linewidth=0, label=band.label, zorder=0)
        _limits(main, plot)
        main.set_ylabel(plot.y_label, loc="top")
        _heading(main, style)
        main.legend(loc=plot.legend, ncols=2 if len(plot.series) > 3 else 1, frameon=False)
        if ratio:
            _ratio_panel(axes[1, 0], plot, style)
        bottom = axes[-1, 0]
        bottom.set_xlabel(plot.x_label, loc="right")
        if plot.names:
            crowded = sum(len(name) for name in plot.names) > 60
            bottom.set_xticks(
                range(len(plot.names)), plot.names, rotation=35 if crowded else 0, ha="right" if crowded else "center"
            )
            bottom.minorticks_off()
        if plot.x_whole:
            bottom.locator_params(axis="x", integer=True)
            bottom.xaxis.set_minor_locator(NullLocator())
        figure.align_ylabels()
        save(figure, folder, plot.name)
        plt.close(figure)
    return f"{plot.name}.png"


def _draw_plane(plot: Plot, plane: Map, folder: Path, style: Style) -> str:
    """Draw values as colours, and in each cell the value and uncertainty in per cent; return the name of the PNG."""
    with canvas(minor_ticks=False) as plt:
        figure, axes = plt.subplots(figsize=(8.2, 6.0))
        low, high = plane.colours
        mesh = axes.pcolormesh(plane.x, plane.y, plane.values.T, cmap="viridis", vmin=low, vmax=high)
        small = max(plane.values.shape) > 8
        for (i, j), value in np.ndenumerate(plane.values):
            if plane.told and np.isfinite(value):
                place = (plane.x[i] + plane.x[i + 1]) / 2, (plane.y[j] + plane.y[j + 1]) / 2
                text = f"{100 * value:.0f}±{100 * plane.errors[i, j]:.0f}"
                dark = value < (low + high) / 2
                axes.text(
                    *place,
                    text,
                    ha="center",
                    va="center",
                    fontsize=7 if small else 9,
                    color="white" if dark else "black",
                )
        axes.set_xlabel(plot.x_label, loc="right")
        axes.set_ylabel(plot.y_label, loc="top")
        _heading(axes, style)
        figure.colorbar(mesh, ax=axes, label=plane.label)
        save(figure, folder, plot.name)
        plt.close(figure)
    return f"{plot.name}.png"


def draw_grid(histograms: "Sequence[hist.Hist[Any]]", folder: Path, name: str, columns: int = 4) -> str:
    """Draw one-dimensional histograms as a grid of small panels; return the name of the PNG."""
    rows = -(-len(histograms) // columns)
    with canvas(minor_ticks=False) as plt:
        figure, axes = plt.subplots(rows, columns, figsize=(3.6 * columns, 2.6 * rows), squeeze=False)
        margins = {"top": 1 - 0.2 / (2.6 * rows), "bottom": 0.7 / (2.6 * rows)}
        figure.subplots_adjust(left=0.05, right=0.98, wspace=0.22, hspace=0.5, **margins)
        for panel, histogram in zip(axes.flat, histograms, strict=False):
            values = np.asarray(histogram.values())
            panel.stairs(values, histogram.axes[0].edges, color=COLOURS[0], fill=True, alpha=0.35)
            panel.stairs(values, histogram.axes[0].edges, color=COLOURS[0])
            panel.set_xlabel(histogram.axes[0].label, fontsize=10, loc="right")
            panel.tick_params(labelsize=8, length=4)
            panel.locator_params(nbins=4)
            panel.ticklabel_format(axis="both", style="sci", scilimits=(-3, 4))
            for axis in (panel.xaxis, panel.yaxis):
                axis.get_offset_text().set_fontsize(8)
            panel.set_ylim(bottom=0)
            panel.set_xlim(histogram.axes[0].edges[0], histogram.axes[0].edges[-1])
        for panel in list(axes.flat)[len(histograms) :]:
            panel.set_visible(False)
        # Nothing lies outside of these panels, so that their ticks need not be laid out once more to see how far.
        save(figure, folder, name, tight=False)
        plt.close(figure)
    return f"{name}.png"


def save(figure: "Figure", folder: Path, name: str, tight: bool = True) -> None:
    """Write a figure as PNG and PDF; tight: cut to what is drawn, else as large as it was made."""
    folder.mkdir(parents=True, exist_ok=True)
    _plain_ticks(figure)
    # With the bounding box given, matplotlib need not draw each of them twice.
    inked = figure.get_tightbbox().padded(_PADDING) if tight else None
    for suffix in ("png", "pdf"):
        with replacing(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, bbox_inches=inked, dpi=110)


def _plain_ticks(figure: "Figure") -> None:
    """Write the numbers at ticks as text: mathtext, which looks the same, takes a third of the time of a plot."""
    from matplotlib.ticker import ScalarFormatter

    class Plain(ScalarFormatter):
        def __init__(self, like: ScalarFormatter) -> None:
            vars(self).update(vars(like))

        def __call__(self, x: float, pos: int | None = None) -> str:
            text: str = super().__call__(x, pos)
            return text.replace("$\\mathdefault{", "").replace("}$", "").replace("-", "\N{MINUS SIGN}")

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if type(formatter := axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(Plain(formatter))


def _shift(index: int, count: int) -> float:
    """Return the offset of a model's points in a bin, −0.3 … 0.3 of its width: points of several are side by side."""
    return 0.6 * (index - (count - 1) / 2) / max(count - 1, 1) if count > 1 else 0.0


def _wide(series: Series) -> float:
    """Return the width from which a bin is wide: its points stand close together, on bars as long as the bin."""
    return float(_WIDE * (series.x[-1] - series.x[0]))


def _places(series: Series, shift: float) -> np.ndarray:
    """Return where the points of bins stand."""
    widths = np.minimum(np.diff(series.x), _wide(series))
    return np.asarray((series.x[1:] + series.x[:-1]) / 2 + shift * widths)


def _curve(axes: "Axes", series: Series, style: Style, shift: float) -> None:
    colour, line = style.colour(series.key), "--" if series.dashed else style.line(series.key)
    label = _barred(series.label)
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


def _ratio_panel(axes: "Axes", plot: Plot, style: Style) -> None:
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
        shift = _shift(index, len(plot.series))
        _curve(axes, shown, style, shift)
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
            _arrows(axes, shown, style, shift)
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


def _arrows(axes: "Axes", series: Series, style: Style, shift: float) -> None:
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


def _limits(axes: "Axes", plot: Plot) -> None:
    if plot.reference is not None:
        axes.axhline(plot.reference, color="black", linewidth=0.8)
    if plot.x_log:
        axes.set_xscale("log")
    if plot.x_range:
        axes.set_xlim(*plot.x_range)
    elif not plot.x_log and plot.series:
        low, high = min(s.x[0] for s in plot.series), max(s.x[-1] for s in plot.series)
        # A training of one epoch is a single point.
        axes.set_xlim(*((low, high) if low < high else (low - 0.5, high + 0.5)))
    if plot.y_log:
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    if plot.y_range:
        axes.set_ylim(*plot.y_range)
        return
    visible = np.concatenate([_visible(series, plot) for series in plot.series])
    if len(visible) and plot.y_log:
        axes.set_ylim(visible[visible > 0].min() / 2, visible.max() * 60)
    elif len(visible):
        axes.set_ylim(min(0.0, 1.2 * visible.min()), visible.max() * 1.45)


def _visible(series: Series, plot: Plot) -> np.ndarray:
    x = series.x if len(series.x) == len(series.y) else (series.x[1:] + series.x[:-1]) / 2
    low, high = plot.x_range or (-np.inf, np.inf)
    values: np.ndarray = series.y[(x >= low) & (x <= high) & np.isfinite(series.y)]
    return values


def _heading(axes: "Axes", style: Style) -> None:
    axes.text(0.0, 1.02, style.heading, transform=axes.transAxes, fontsize=13, fontweight="bold")
    axes.text(1.0, 1.02, _barred(style.note), transform=axes.transAxes, fontsize=11, ha="right")


def _barred(text: str) -> str:
    """Replace letters with a combining bar (t̄) by mathtext, as fonts set the bar beside the letter."""
    return re.sub("(\\w)\u0304", r"$\\bar{\\mathrm{\1}}$", text)
