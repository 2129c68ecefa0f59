"""Build a dense network whose output is the target."""

from collections.abc import Sequence as Several
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.blocks.scaling import Affine, Scalings
from lineshape.engine.learning.roles.model import Output
from lineshape.engine.learning.roles.network import Head, Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class Dense(Network):
    """Dense network with the output `target`, (n,), or (n, components) of a vector."""

    outputs: ClassVar[tuple[str, ...]] = ("target",)
    vectors: ClassVar[bool] = True

    def build(self, scalings: Scalings) -> "nn.Module":
        """Return a module of input scaling, dense layers and the inverse scaling of the target."""
        from torch import nn

        from lineshape.engine.learning.blocks.layers import EMPTY, Standardise

        class Module(nn.Module):
            def __init__(self, settings: Dense) -> None:
                super().__init__()
                self.trunk = settings.trunk(scalings, len(scalings.target.scale))
                self.target = Standardise(scalings.target)

            def forward(self, x: "Tensor", sequences: "Mapping[str, Sequence]" = EMPTY) -> dict[str, "Tensor"]:
                target = self.target.undo(self.trunk(x, sequences))
                return {"target": target[:, 0] if target.shape[1] == 1 else target}

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """Return the target."""
        return Output(outputs["target"])

    def heads(self, target: Affine) -> Several[Head]:
        """Return one head for the target, with its scaling."""
        scale, offset = target.scale.tolist(), target.offset.tolist()
        return [Head("target", 0, len(scale), scale=scale, offset=offset)]
