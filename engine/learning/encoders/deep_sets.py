"""Deep sets: the same dense layers for each object, and the sum over all of them (M. Zaheer et al., 2017)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class DeepSets(Encoder):
    """Φ of each object, summed; their order does not matter. layers: of Φ, the last is what is summed."""

    sums: ClassVar[bool] = True

    layers: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (64, 64)

    @property
    def width(self) -> int:
        """That of Φ's last layer."""
        return self.layers[-1]

    def build(self, scaling: Scaling) -> "nn.Module":
        """Scaling, dense layers and a sum over the objects that are there."""
        import torch
        from torch import nn

        from lineshape.engine.learning.blocks.layers import InputLayer

        class Module(nn.Module):
            def __init__(self, settings: DeepSets) -> None:
                super().__init__()
                self.inputs = InputLayer(scaling)
                widths = (len(scaling.logarithm), *settings.layers)
                pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
                self.each = nn.Sequential(*(module for pair in pairs for module in pair))

            def forward(self, objects: "Sequence") -> "Tensor":
                encoded = self.each(self.inputs(objects.values))
                return torch.sum(encoded * objects.mask[:, :, None], dim=1)

        return Module(self)
