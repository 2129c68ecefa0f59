"""A dense network with one output: the target."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.models.model import Output
from lineshape.engine.learning.networks.network import Network
from lineshape.engine.learning.scaling import Affine, Scaling

if TYPE_CHECKING:
    from torch import Tensor, nn


class Dense(Network):
    """Outputs `target` (n,)."""

    def build(self, inputs: Scaling, target: Affine) -> "nn.Module":
        """Dense layers between the scaling of inputs and that of the target."""
        from torch import nn

        from lineshape.engine.learning.layers import Inputs, Standardise, stack

        class Module(nn.Module):
            def __init__(self, settings: Dense) -> None:
                super().__init__()
                self.inputs = Inputs(inputs)
                self.body = stack(len(inputs.logarithm), settings.layers, 1, settings.activation, settings.dropout)
                self.target = Standardise(target)

            def forward(self, x: "Tensor") -> dict[str, "Tensor"]:
                return {"target": self.target.undo(self.body(self.inputs(x)))[:, 0]}

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """The target."""
        return Output(outputs["target"])
