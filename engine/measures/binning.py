"""Bins in a column, as a job file gives them."""

from typing import Literal, Self

import hist
from pydantic import model_validator

from lineshape.engine.core.columns import AXIS
from lineshape.engine.core.settings import Names, Settings

#: Names of axes, which are never those of columns.
AxisName = Literal["column", "score", "x", "y"]


class Binning(Settings):
    """Bins in a column: `bins` equal ones from low to high, explicit edges, or names of the whole numbers from 0."""

    low: float | None = None
    high: float | None = None
    bins: int | None = None
    edges: list[float] = []
    names: Names = []

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.bins is not None and self.low is not None and self.high is not None, self.edges, self.names]
        if sum(map(bool, ways)) != 1:
            raise ValueError("expected one of: low, high and bins; edges; names")
        return self

    def axis(self, label: str, name: AxisName = AXIS) -> hist.axis.Regular | hist.axis.Variable:
        """The axis, with flow bins; its label says which column it is of, its name where it lies."""
        if self.names:
            return hist.axis.Regular(len(self.names), -0.5, len(self.names) - 0.5, name=name, label=label)
        if self.edges:
            return hist.axis.Variable(self.edges, name=name, label=label)
        assert self.bins is not None
        assert self.low is not None
        assert self.high is not None
        return hist.axis.Regular(self.bins, self.low, self.high, name=name, label=label)
