"""Build a network without weights whose target is a scaled feature, for known quantities where a network is needed."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.blocks.scaling import Scalings
from lineshape.engine.learning.roles.model import Output
from lineshape.engine.learning.roles.network import Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class Identity(Network):
    """Scaled features as the output `target`, (n,), or (n, features) where there are several."""

    outputs: ClassVar[tuple[str, ...]] = ("target",)
    vectors: ClassVar[bool] = True

    def build(self, scalings: Scalings) -> "nn.Module":
        """Return a module of the scaling of inputs and the inverse scaling of the target."""
        from torch import nn

        from lineshape.engine.learning.blocks.layers import EMPTY, InputLayer, Standardise

        class Scaled(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inputs = InputLayer(scalings.features)

        class Module(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.trunk = Scaled()
                self.target = Standardise(scalings.target)

            def forward(self, x: "Tensor", sequences: "Mapping[str, Sequence]" = EMPTY) -> dict[str, "Tensor"]:
                target = self.target.undo(self.trunk.inputs(x))
                return {"target": target[:, 0] if target.shape[1] == 1 else target}

        return Module()

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """Return the target."""
        return Output(outputs["target"])
