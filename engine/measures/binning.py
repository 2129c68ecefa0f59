"""Bins in a column, as a job file gives them."""

from typing import Self

import hist
from pydantic import model_validator

from lineshape.engine.settings import Names, Settings


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

    def axis(self, name: str, label: str) -> hist.axis.Regular | hist.axis.Variable:
        """The axis, with flow bins."""
        if self.names:
            return hist.axis.Regular(len(self.names), -0.5, len(self.names) - 0.5, name=name, label=label)
        if self.edges:
            return hist.axis.Variable(self.edges, name=name, label=label)
        assert self.bins is not None
        assert self.low is not None
        assert self.high is not None
        return hist.axis.Regular(self.bins, self.low, self.high, name=name, label=label)
