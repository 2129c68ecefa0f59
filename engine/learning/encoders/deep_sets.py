"""Encode a list by deep sets: the same dense layers for each object, then a sum (M. Zaheer et al., 2017)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class DeepSets(Encoder):
    """Sum over the objects of Φ(object), with Φ a stack of dense layers; the order of the objects does not matter."""

    sums: ClassVar[bool] = True

    layers: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (64, 64)
    """Widths of the dense layers of Φ, each followed by a ReLU. The last one is the width of the encoding, which is
    summed over the objects.
    """

    @property
    def width(self) -> int:
        """Width of the last layer of Φ."""
        return self.layers[-1]

    def build(self, scaling: Scaling) -> "nn.Module":
        """Return a module of scaling, dense layers and a sum over the objects that the mask does not exclude."""
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
