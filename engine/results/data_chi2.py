"""Compute χ² between data and simulation with the systematic uncertainties of variations."""

from collections.abc import Mapping

import numpy as np

from lineshape.engine.measures.plots import DATA, SIMULATION, Plot
from lineshape.engine.results.bands import Directions
from lineshape.engine.results.row import Row

#: Expected entries below which a bin is left out.
_FEW = 5
#: Relative size of differences that are of rounding alone.
_ROUNDING = 1e-9


def rows_of_plot(
    sample: str, measure: str, plot: Plot, varied: Mapping[str, Directions], parameters: Mapping[str, str]
) -> list[Row]:
    """Return χ² per degree of freedom of a plot that compares data with simulation: with correlations, and without.

    The covariance is that of statistics plus, of each parameter, half the difference of both directions by itself.
    """
    if not plot.compares or not varied:
        return []
    model, tag = plot.compares
    series = {each.key: each for each in plot.series}
    if DATA not in series or SIMULATION not in series:
        return []
    data, simulation = series[DATA], series[SIMULATION]
    shifts: dict[str, np.ndarray] = {}
    for name, of in varied.items():
        ways = {way: _simulated(other) for way, other in of.items()}
        up = ways.get("up")
        if up is None or up.shape != simulation.y.shape:
            continue
        down = ways.get("down")
        shift = (up - down) / 2 if down is not None else up - simulation.y
        parameter = parameters.get(name, name)
        shifts[parameter] = shifts.get(parameter, 0) + shift
    used = simulation.y >= _FEW
    if not used.any() or not shifts:
        return []
    error = np.zeros_like(simulation.y) if simulation.error is None else simulation.error
    statistical = np.diag((simulation.y + error**2)[used])
    systematic = sum(np.outer(shift[used], shift[used]) for shift in shifts.values())
    residual = (data.y - simulation.y)[used]
    # Where simulation was scaled to as many objects as data have, one of the bins follows from the others.
    scaled = bool(np.isclose(np.nansum(data.y), simulation.y.sum(), rtol=_ROUNDING))
    degrees = int(used.sum()) - int(scaled)
    if degrees < 1:
        return []
    found = []
    for name, covariance in {
        "chi2_systematic": statistical + systematic,
        "chi2_uncorrelated": statistical + np.diag(np.diag(systematic)),
    }.items():
        chi2 = float(residual @ np.linalg.solve(covariance, residual)) / degrees
        about = (sample, model, measure, f"{name}_{tag}", "", None, None)
        found.append(Row(*about, float(f"{chi2:.6g}"), float(np.sqrt(2 / degrees)), "", int(np.nansum(data.y)), ""))
    return found


def _simulated(plot: Plot) -> np.ndarray | None:
    return next((each.y for each in plot.series if each.key == SIMULATION), None)
