"""A quantity that is already in the file, to compare with: nothing is trained."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.jagged import Jagged
from lineshape.engine.learning.models.model import Model, Output, Report
from lineshape.engine.learning.work import Work


class Column(Model):
    """The column itself is the estimate."""

    column: str

    trains: ClassVar[bool] = False

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """The column alone."""
        return (self.column,)

    def train(self, work: Work, report: Report) -> dict[str, object]:
        """Nothing to do."""
        return {}

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """The column, unchanged."""
        return lambda x, _: Output(x[:, 0])
