"""Sums of vectors with a weight for each that a network finds: what DeepMET does (CMS, 2025)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class VectorSum(Encoder):
    """Σ w v of the objects' vectors v, several times, each with weights w of its own.

    vector: two of the columns; the weights depend on all others, so that turning all vectors turns the sums. layers: of
    the network that finds the weights from an object. number: of sums.
    """

    vector: tuple[str, str]
    layers: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (32, 32)
    number: Annotated[int, Field(gt=0)] = 4

    @model_validator(mode="after")
    def _vector_is_among_the_columns(self) -> Self:
        if missing := [name for name in self.vector if name not in self.columns]:
            raise ValueError(f"vector: '{missing[0]}' is not one of the columns")
        if len(self.columns) == len(self.vector):
            raise ValueError("columns: expected some beside the vector, for the weights to depend on")
        return self

    @property
    def width(self) -> int:
        """Two components of each sum."""
        return 2 * self.number

    def build(self, scaling: Scaling) -> "nn.Module":
        """Dense layers from an object to its weights; sums in units in which they are about one."""
        import torch
        from torch import nn

        from lineshape.engine.learning.blocks.layers import InputLayer

        class Module(nn.Module):
            def __init__(self, settings: VectorSum) -> None:
                super().__init__()
                self.inputs = InputLayer(scaling)
                names = settings.columns
                self.vector = [names.index(name) for name in settings.vector]
                self.others = [place for place, name in enumerate(names) if name not in settings.vector]
                widths = (len(self.others), *settings.layers)
                pairs = [(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(widths)]
                layers = [module for pair in pairs for module in pair]
                self.weights = nn.Sequential(*layers, nn.Linear(widths[-1], settings.number))
                self.unit = settings.most**0.5

            def forward(self, objects: "Sequence") -> "Tensor":
                # Vectors are scaled, not shifted: a direction that is as likely as any other has no mean.
                vectors = objects.values[:, :, self.vector] / self.inputs.standardise.scale[self.vector]
                weights = self.weights(self.inputs(objects.values)[:, :, self.others]) * objects.mask[:, :, None]
                sums: Tensor = torch.einsum("nok,nov->nkv", weights, vectors) / self.unit
                return sums.flatten(start_dim=1)

        return Module(self)
