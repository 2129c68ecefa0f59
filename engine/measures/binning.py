"""Define bins in a column, as a job file gives them."""

from typing import Literal, Self

import hist
from pydantic import model_validator

from lineshape.engine.core.columns import AXIS
from lineshape.engine.core.settings import Names, Settings

#: Names of axes, which are never those of columns.
AxisName = Literal["column", "score", "x", "y"]


class Binning(Settings):
    """Bins in a column: equal ones by `low`, `high` and `bins`, explicit `edges`, or `names` of the numbers from 0."""

    low: float | None = None
    """Lower edge of the first of equal bins, in the column's unit."""
    high: float | None = None
    """Upper edge of the last of equal bins, in the column's unit."""
    bins: int | None = None
    """Number of equal bins between `low` and `high`."""
    edges: list[float] = []
    """Rising edges of the bins, in the column's unit; empty for equal or named bins."""
    names: Names = []
    """Names of the bins of a column of whole numbers, from 0 on; empty where the column is a quantity."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.bins is not None and self.low is not None and self.high is not None, self.edges, self.names]
        if sum(map(bool, ways)) != 1:
            raise ValueError("expected one of: low, high and bins; edges; names")
        return self

    def axis(self, label: str, name: AxisName = AXIS) -> hist.axis.Regular | hist.axis.Variable:
        """Return the axis, with flow bins, a label that says which column it is of, and a name that is its role."""
        if self.names:
            return hist.axis.Regular(len(self.names), -0.5, len(self.names) - 0.5, name=name, label=label)
        if self.edges:
            return hist.axis.Variable(self.edges, name=name, label=label)
        assert self.bins is not None
        assert self.low is not None
        assert self.high is not None
        return hist.axis.Regular(self.bins, self.low, self.high, name=name, label=label)
