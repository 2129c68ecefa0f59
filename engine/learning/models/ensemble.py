"""Take the mean of several models of the job as the estimate."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.settings import Names
from lineshape.engine.core.split import Target
from lineshape.engine.learning.roles.model import Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask


class Ensemble(Model):
    """Model whose estimate is the mean of those of other models, each counting the same; nothing more is trained.

    Its mixture is that of all members' mixtures; where one has none, its σ is what the members differ by.
    """

    models: Annotated[Names, Field(min_length=2)]
    """Models of the job that are its members; they learn the same target, on objects that meet the same conditions."""

    trains: ClassVar[bool] = False

    @model_validator(mode="after")
    def _learns_nothing(self) -> Self:
        if idle := self.model_fields_set - {"models", "label"}:
            raise ValueError(f"{sorted(idle)[0]}: an ensemble takes it from its members; leave it out")
        return self

    def members(self) -> tuple[str, ...]:
        """Return the models that it is the mean of."""
        return tuple(self.models)

    def require_target(self, target: Target) -> None:
        """Accept every target that its members accept."""

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Raise NotImplementedError: its members are trained instead."""
        raise NotImplementedError("an ensemble is made of the bundles of its members")

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """Raise NotImplementedError: its members predict instead."""
        raise NotImplementedError("an ensemble predicts with the bundles of its members")
