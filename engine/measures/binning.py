"""Define bins in a column, as a job file gives them."""

import re
from typing import Any, Literal, Self

import hist
import numpy as np
from numpy.typing import NDArray
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


def covered(axis: Any, used: NDArray[np.bool_]) -> str:
    """Return which bins of an axis a mean is over, where some are not used: 'over 4 of 10 bins, 0–40 GeV'.

    used: which of the bins between the flow bins are.
    """
    if used.all() or not used.any():
        return ""
    starts, stops = (np.flatnonzero(np.diff(used.astype(int), prepend=0, append=0) == step) for step in (1, -1))
    ranges = ", ".join(f"{axis.edges[i]:g}–{axis.edges[j]:g}" for i, j in zip(starts, stops, strict=True))
    unit = re.search(r"\[(.+)\]$", axis.label)
    return f"over {used.sum()} of {len(used)} bins, {ranges}{f' {unit[1]}' if unit else ''}"
