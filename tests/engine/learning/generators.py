"""A model kind of a user's own: a generator and a critic (I. Goodfellow et al., 2014; M. Arjovsky et al., 2017)."""

from collections.abc import Mapping, Set
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.blocks.layers import EMPTY
from lineshape.engine.learning.blocks.scaling import Scaling, Scalings
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.learner import Learner
from lineshape.engine.learning.fit.phases import Phase
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.networks.dense import Dense
from lineshape.engine.learning.roles.model import Output
from lineshape.engine.learning.roles.network import Network


class Noisy(Network):
    """From features and noise to a value."""

    layers: tuple[int, ...] = (32, 32)

    def build(self, scalings: Scalings) -> nn.Module:
        class Module(nn.Module):
            def __init__(self, settings: Noisy) -> None:
                super().__init__()
                self.trunk = settings.trunk(scalings, 16)
                self.draw = nn.Sequential(nn.Linear(17, 32), nn.ReLU(), nn.Linear(32, 1))

            def forward(self, x: Tensor, sequences: Mapping[str, Any] = EMPTY) -> dict[str, Tensor]:
                return {"target": self.draw(torch.cat([self.trunk(x), torch.randn(len(x), 1)], dim=1))[:, 0]}

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        return Output(outputs["target"])


class Players(Learner):
    """Least squares for both (X. Mao et al., 2017)."""

    def losses(self, batch: Batch, names: Set[str]) -> dict[str, Tensor]:
        made = self.networks["generator"](batch.x)["target"]
        true, false = (self._judged(batch.x, values) for values in (batch.target, made))
        return {"critic": ((true - 1) ** 2 + false**2).mean(), "generator": ((false - 1) ** 2).mean()}

    def _judged(self, x: Tensor, values: Tensor) -> Tensor:
        found: Tensor = self.networks["critic"](torch.cat([x, values[:, None]], dim=1))["target"]
        return found


class Generator(NetworkModel):
    """Draws the target given the features."""

    predicting: ClassVar[Network] = Noisy()  # type: ignore[misc]
    network_names: ClassVar[tuple[str, ...]] = ("generator", "critic")  # type: ignore[misc]
    loss_names: ClassVar[tuple[str, ...]] = ("generator", "critic")  # type: ignore[misc]
    other_columns: ClassVar[tuple[str, ...]] = ()  # type: ignore[misc]
    classes: ClassVar[int | None] = None  # type: ignore[misc]

    def default_phases(self) -> list[Phase]:
        return []

    def build_learner(self, scalings: Scalings, rows: Rows) -> Learner:
        unit = Scalings(Scaling.unit(len(scalings.features.logarithm) + 1), scalings.target.unit(1), {})
        return Players({"generator": Noisy().build(scalings), "critic": Dense(layers=(32, 32)).build(unit)})
