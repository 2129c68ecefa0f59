"""Take a quantity that is already in the file as the estimate, to compare models with; nothing is trained."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.split import Target
from lineshape.engine.learning.roles.model import Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask


class ColumnModel(Model):
    """Model whose estimate is a column, or several, of the feature store; nothing is trained."""

    column: str | list[str]
    """Column that is the estimate, or the list of columns of a vector's components."""
    sign: Literal[1, -1] = 1
    """Factor of the column: -1 for a score that is lower for signal."""

    trains: ClassVar[bool] = False

    @model_validator(mode="after")
    def _learns_nothing(self) -> Self:
        if idle := self.model_fields_set & {"learns_from", "shuffled", "without", "features", "seed"}:
            raise ValueError(f"{sorted(idle)[0]}: a column learns nothing; leave it out")
        return self

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """Return the column, or the components of the vector."""
        return (self.column,) if isinstance(self.column, str) else tuple(self.column)

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Do nothing, and return no facts."""
        return {}

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """Return the prediction: the column times the sign."""
        return lambda x, _: Output(self.sign * (x[:, 0] if isinstance(self.column, str) else x))

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the number of columns is not that of the target's components."""
        found = self.inputs([])
        if len(found) != len(target.truths):
            raise RequestError(f"column: expected as many as the target has ({', '.join(target.truths)})")
