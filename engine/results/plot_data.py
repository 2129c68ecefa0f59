"""Give a plot's content as JSON: for the page, which draws it, and for whoever wants to draw it again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.measures.plots import Map, Plot, Series
from lineshape.engine.results.curves import places_of, shift_of
from lineshape.engine.results.ranges import x_range_of, y_range_of
from lineshape.engine.results.ratios import ratios_of, reference_of, scale_of
from lineshape.engine.results.style import Style, plain


def data_of(plot: Plot, style: Style) -> dict[str, Any]:
    """Return a plot's labels, ranges and curves, with colours; null where a value is missing.

    A curve in style steps or points has bin edges as x, and points have the places at which they are drawn beside
    those; a line has positions. `ratio` is the panel of ratios, null where there is none.
    """
    style = style.of(plot)
    reference = reference_of(plot)
    ratio = None
    if reference is not None:
        ratios = ratios_of(plot, reference)
        ratio = {
            "y_label": f"/ {plain(reference.label)}",
            "y_range": scale_of(plot, reference, ratios, style.trained),
            "curves": _curves(ratios, style),
        }
    return {
        "x_label": plain(plot.x_label),
        "y_label": plain(plot.y_label),
        "x_log": plot.x_log,
        "y_log": plot.y_log,
        "x_range": x_range_of(plot),
        "y_range": y_range_of(plot),
        "names": [plain(name) for name in plot.names],
        "reference": plot.reference,
        "bands": [{"low": band.low, "high": band.high, "label": plain(band.label)} for band in plot.bands],
        "curves": _curves(plot.series, style),
        "ratio": ratio,
        "plane": None if plot.plane is None else _plane(plot.plane),
    }


def _curves(found: list[Series], style: Style) -> list[dict[str, Any]]:
    return [_curve(series, style, shift_of(index, len(found))) for index, series in enumerate(found)]


def _curve(series: Series, style: Style, shift: float) -> dict[str, Any]:
    points = series.style == "points"
    return {
        "key": series.key,
        "label": plain(series.label),
        "style": series.style,
        "filled": series.filled,
        "colour": style.colour(series.key),
        "line": "--" if series.dashed else style.line(series.key),
        "marker": style.marker(series.key),
        "x": _numbers(series.x),
        "y": _numbers(series.y),
        "error": None if series.error is None else _numbers(series.error),
        "systematic": None if series.systematic is None else _numbers(series.systematic),
        "places": _numbers(places_of(series, shift)) if points else None,
    }


def _plane(plane: Map) -> dict[str, Any]:
    return {
        "x": _numbers(plane.x),
        "y": _numbers(plane.y),
        "values": [_numbers(line) for line in plane.values],
        "errors": [_numbers(line) for line in plane.errors],
        "label": plain(plane.label),
        "colours": plane.colours,
    }


def _numbers(values: NDArray[Any]) -> list[float | None]:
    """Return seven significant digits of each value, None where it is not finite."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values.tolist()]
