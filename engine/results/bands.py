"""Add systematic bands to plots: what variations shift each curve, and its ratio, by."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.measures.plots import SIMULATION, Plot, Series
from lineshape.engine.results.ratios import ratios_of, reference_of
from lineshape.engine.variations.variation import Direction

Floats = NDArray[np.float64]
#: Plots of a variation by direction.
Directions = Mapping[Direction, Plot]


def with_bands(plot: Plot, varied: Mapping[str, Directions], parameters: Mapping[str, str]) -> Plot:
    """Return a plot with the systematic uncertainty of each curve, and of its ratio to the reference.

    Where data are compared with simulation, the band is that of the simulation, with its statistical uncertainty, and
    in the ratio around one.

    varied: the same plot of each variation. parameters: for each the name of what is uncertain.
    """
    if plot.compares:
        return _compared(plot, varied, parameters)
    if not varied or plot.plane is not None:
        return plot
    reference = reference_of(plot)
    series = []
    for each in plot.series:
        # Of the noise in a line shape's tails a band would show that of the variations.
        if each.filled or each.style == "steps":
            series.append(each)
            continue
        found = {name: {way: _same(each, other.series) for way, other in of.items()} for name, of in varied.items()}
        band = _band(
            each.y, {name: {way: _y(one) for way, one in of.items()} for name, of in found.items()}, parameters
        )
        ratio = None
        if reference is not None:
            own = _ratio(each, plot)
            of_ratio = {name: {way: _ratio(each, other) for way, other in of.items()} for name, of in varied.items()}
            ratio = None if own is None else _band(own, of_ratio, parameters)
        series.append(replace(each, systematic=band, ratio_systematic=ratio))
    return replace(plot, series=series)


def _compared(plot: Plot, varied: Mapping[str, Directions], parameters: Mapping[str, str]) -> Plot:
    series = []
    for each in plot.series:
        if each.key != SIMULATION or each.filled:
            series.append(each)
            continue
        found = {name: {way: _y(_same(each, other.series)) for way, other in of.items()} for name, of in varied.items()}
        moved, own = _band(each.y, found, parameters), np.zeros_like(each.y) if each.error is None else each.error
        band = np.hypot(own, 0.0 if moved is None else moved)
        ratio = np.divide(band, each.y, out=np.full_like(band, np.nan), where=each.y > 0)
        series.append(replace(each, systematic=band, ratio_systematic=ratio))
    return replace(plot, series=series)


def _same(series: Series, among: Sequence[Series]) -> Series | None:
    """Return the same curve of another plot, None where it has none of the same bins."""
    alike = (each for each in among if (each.key, each.label, each.dashed) == (series.key, series.label, series.dashed))
    found = next(alike, None)
    return found if found is not None and found.y.shape == series.y.shape else None


def _y(series: Series | None) -> Floats | None:
    return None if series is None else series.y


def _ratio(series: Series, plot: Plot) -> Floats | None:
    reference, own = reference_of(plot), _same(series, plot.series)
    if reference is None or own is None or reference.y.shape != own.y.shape:
        return None
    shown = [each for each in plot.series if not each.filled]
    return next(ratio.y for ratio, each in zip(ratios_of(plot, reference), shown, strict=True) if each is own)


def _band(
    nominal: Floats, varied: Mapping[str, Mapping[Direction, Floats | None]], parameters: Mapping[str, str]
) -> Floats | None:
    """Return the systematic uncertainty of values, None where nothing varies them."""
    together: dict[str, Floats] = {}
    for name, of in varied.items():
        with np.errstate(invalid="ignore"):  # ratios where there is no simulation
            shifts = {way: values - nominal for way, values in of.items() if values is not None}
        if not shifts:
            continue
        up, down = shifts.get("up"), shifts.get("down")
        up = -down if up is None and down is not None else up
        assert up is not None
        down = -up if down is None else down
        both = np.nan_to_num(np.stack([up, down]), posinf=0.0, neginf=0.0)
        parameter = parameters.get(name, name)
        together[parameter] = together[parameter] + both if parameter in together else both
    if not together:
        return None
    squares = sum(np.abs(both).max(axis=0) ** 2 for both in together.values())
    return np.asarray(np.sqrt(squares))
