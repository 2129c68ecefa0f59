"""Kinds of a user's own that give what does not fit the rows."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from lineshape.engine.core.jagged import Jagged
from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.blocks.layers import EMPTY
from lineshape.engine.learning.blocks.scaling import Scalings
from lineshape.engine.learning.models.column import ColumnModel
from lineshape.engine.learning.networks.dense import Dense
from lineshape.engine.learning.roles.loss import Loss
from lineshape.engine.learning.roles.model import Output
from lineshape.engine.learning.roles.penalty import Penalty
from lineshape.engine.learning.roles.sampler import Draw, Sampler
from lineshape.engine.learning.roles.weight import Weigh, Weight


class Paired(Loss):
    """Squared errors of all pairs of rows, as (n, 1) − (n,) gives; or what else is asked for."""

    gives: str = "pairs"

    def __call__(self, outputs: dict[str, Tensor], target: Tensor, scale: Tensor) -> Tensor:
        found = {
            "pairs": (outputs["target"][:, None] - target) ** 2,
            "mean": ((outputs["target"] - target) ** 2).mean(),
            "column": ((outputs["target"] - target) ** 2)[:, None],
        }
        return found.get(self.gives, 0.5)  # type: ignore[return-value]


class Each(Penalty):
    """One number a row, where one of the batch is expected."""

    def __call__(self, outputs: dict[str, Tensor], batch: Batch, scale: Tensor) -> Tensor:
        return outputs["target"] ** 2


class Standing(Dense):
    """Its target is a column, (n, 1)."""

    outputs: ClassVar[tuple[str, ...]] = ("target",)

    def build(self, scalings: Scalings) -> nn.Module:
        inner = super().build(scalings)

        class Module(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = inner

            def forward(self, x: Tensor, sequences: Mapping[str, Any] = EMPTY) -> dict[str, Tensor]:
                return {"target": self.inner(x)["target"][:, None]}

        return Module()


class Drawn(Sampler):
    """One row too few, or something else than how often each is seen."""

    gives: str

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        found: dict[str, Any] = {
            "fewer": np.ones(rows - 1, np.int64),
            "negative": -np.ones(rows, np.int64),
            "halves": np.full(rows, 0.5),
            "list": [1] * rows,
        }
        return lambda _: found[self.gives]


class Short(ColumnModel):
    """Estimates of other shapes than one a row."""

    wrong: str

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        def predict(x: NDArray[np.float64], _: Mapping[str, Jagged]) -> Output:
            if self.wrong == "probabilities":
                return Output(x[:, 0], probabilities=x[:, 0])
            return Output(x[1:, 0] if self.wrong == "fewer" else x)

        return predict


class Whole(Weight):
    """One weight for all rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("a",)

    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        return lambda table: np.float64(table["a"].mean())  # type: ignore[return-value]
