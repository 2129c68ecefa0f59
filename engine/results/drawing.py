"""Draw plots as PNG for the page and as PDF for slides.

matplotlib is imported where it is used.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lineshape.engine.core.files import replacing
from lineshape.engine.measures.plots import Map, Plot
from lineshape.engine.results.curves import arrows, curve, ratio_panel, shift_of
from lineshape.engine.results.ranges import x_range_of, y_range_of
from lineshape.engine.results.ratios import reference_of
from lineshape.engine.results.style import COLOURS, Style, barred

if TYPE_CHECKING:
    import hist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches of white around a plot.
_PADDING = 0.1
#: Colours of a picture, shades of smoothed edges among them.
_PALETTE = 128
#: Letters that fit into a line of a legend, and those that a marker takes; points from one line to the next.
_LEGEND, _MARKER, _LINE = 72, 6, 15.5


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

        ratio = reference_of(plot)
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
            curve(main, series, style, shift_of(index, len(plot.series)))
        for band in plot.bands:
            main.axhspan(band.low, band.high, color="black", alpha=0.1, linewidth=0, label=band.label, zorder=0)
        _limits(main, plot)
        for index, series in enumerate(plot.series if plot.y_range else ()):
            if series.style == "points":
                arrows(main, series, style, shift_of(index, len(plot.series)))
        main.set_ylabel(plot.y_label, loc="top")
        _heading(main, style, _legend(main))
        if ratio:
            ratio_panel(axes[1, 0], plot, ratio, style)
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
            if suffix == "png":
                _with_palette(temporary)


def _with_palette(path: Path) -> None:
    """Write a PNG anew with a palette of its own: it looks the same, and a page with all plots weighs a quarter."""
    from PIL import Image

    with Image.open(path) as picture:
        found = picture.convert("RGB").quantize(_PALETTE, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    found.save(path, "PNG", optimize=True)


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


def _limits(axes: "Axes", plot: Plot) -> None:
    if plot.reference is not None:
        axes.axhline(plot.reference, color="black", linewidth=0.8)
    if plot.x_log:
        axes.set_xscale("log")
    if shown := x_range_of(plot):
        axes.set_xlim(*shown)
    if plot.y_log:
        axes.set_yscale("log")
    else:
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
    if shown := y_range_of(plot):
        axes.set_ylim(*shown)


def legend_columns(lengths: list[int]) -> int:
    """Return the number of columns of a legend whose labels have so many letters, one column after the other."""
    for columns in range(len(lengths), 1, -1):
        lines = -(-len(lengths) // columns)
        widths = [max(lengths[start : start + lines]) + _MARKER for start in range(0, len(lengths), lines)]
        if sum(widths) <= _LEGEND:
            return columns
    return 1


def _legend(axes: "Axes") -> int:
    """Draw the legend between plot and heading, where it covers nothing; return its number of lines."""
    handles, labels = axes.get_legend_handles_labels()
    columns = legend_columns([len(label) for label in labels])
    if labels:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=columns,
            frameon=False,
            borderaxespad=0.1,
            borderpad=0.2,
            labelspacing=0.25,
            columnspacing=1.2,
            handlelength=1.5,
        )
    return -(-len(labels) // columns)


def _heading(axes: "Axes", style: Style, lines: int = 0) -> None:
    """Write heading and note above a plot and so many lines of its legend."""
    place: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "xytext": (0, 5 + lines * _LINE),
    }
    axes.annotate(style.heading, (0.0, 1.0), fontsize=13, fontweight="bold", **place)
    axes.annotate(barred(style.note), (1.0, 1.0), fontsize=11, ha="right", **place)
