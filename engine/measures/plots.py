"""Describe plots as data, apart from drawing them."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Keys of the curves of data, which are black, and of all simulation.
DATA: Final = "(data)"
SIMULATION: Final = "(simulation)"


@dataclass(frozen=True)
class Series:
    """One curve of a plot.

    key: decides the colour; curves of the same model share it. x: bin edges for steps and points, positions for a line.
    filled: whether a curve of steps is a layer of a stack, filled down to the axis.
    ratio: ratio to the baseline and its uncertainty, where they are known better than from the two curves. systematic,
    ratio_systematic: systematic uncertainty of the values and of that ratio; None where nothing is varied.
    """

    key: str
    label: str
    x: Floats
    y: Floats
    error: Floats | None = None
    style: Literal["steps", "points", "line"] = "points"
    dashed: bool = False
    filled: bool = False
    ratio: tuple[Floats, Floats] | None = None
    systematic: Floats | None = None
    ratio_systematic: Floats | None = None


@dataclass(frozen=True)
class Band:
    """A horizontal band that results are compared with."""

    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Map:
    """A quantity over a plane.

    x, y: bin edges. values, errors: (x bins, y bins), NaN where there is nothing. colours: range of the colour scale.
    told: whether the value is printed in each cell.
    """

    x: Floats
    y: Floats
    values: Floats
    errors: Floats
    label: str
    colours: tuple[float, float]
    told: bool = True


@dataclass(frozen=True)
class Plot:
    """One plot of the report.

    section: section of the report that it belongs to. ratio_to: key of the series that the lower panel divides by.
    names: names of the bins, where the axis is one of categories. reference: position of a horizontal line. bands:
    horizontal bands. plane: a quantity over a plane, in place of curves.
    x_whole: whether x counts something, so that its ticks are whole numbers. compares: of a plot of data and
    simulation, the model and the ending of the names of its figures.
    """

    name: str
    section: str
    caption: str
    x_label: str
    y_label: str
    series: list[Series]
    ratio_to: str | None = None
    y_log: bool = False
    x_log: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    names: list[str] = field(default_factory=list)
    reference: float | None = None
    bands: list[Band] = field(default_factory=list)
    plane: Map | None = None
    x_whole: bool = False
    compares: tuple[str, str] | None = None

    def without_empty(self) -> "Plot | None":
        """Return the plot without its empty curves, or None where all are empty."""
        if self.plane is not None:
            return self if np.isfinite(self.plane.values).any() else None
        kept = [series for series in self.series if np.any(np.isfinite(series.y) & (series.y != 0))]
        return replace(self, series=kept) if kept else None
