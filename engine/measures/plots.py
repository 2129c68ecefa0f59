"""Plots as data: what is to be drawn, gathered without drawing it."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One curve.

    ratio: to the baseline, with its uncertainty, where it is known better than from the two curves.

    key: of its colour; curves of the same model share it. x: bin edges for steps and points, positions for a line.
    """

    key: str
    label: str
    x: Floats
    y: Floats
    error: Floats | None = None
    style: Literal["steps", "points", "line"] = "points"
    dashed: bool = False
    ratio: tuple[Floats, Floats] | None = None


@dataclass(frozen=True)
class Band:
    """A horizontal band that a result is held against."""

    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Map:
    """A quantity over a plane.

    x, y: bin edges. values, errors: (x bins, y bins), NaN where there is nothing. colours: the range of the colours.
    told: whether each cell says its value.
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
    """One figure of the report.

    section: the part of the report it belongs to. ratio_to: key of the series that the lower panel divides by.
    names: of the bins, where the axis is one of categories. reference: a horizontal line. bands: beside it. plane: a
    quantity over a plane, in place of curves. legend: where there is room for it.
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
    legend: Literal["upper right", "lower right"] = "upper right"

    def without_empty(self) -> "Plot | None":
        """The plot with the curves that hold anything, or None where none does."""
        if self.plane is not None:
            return self if np.isfinite(self.plane.values).any() else None
        kept = [series for series in self.series if np.any(np.isfinite(series.y) & (series.y != 0))]
        return replace(self, series=kept) if kept else None
