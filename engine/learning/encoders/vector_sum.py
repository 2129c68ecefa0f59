"""Encode a list by sums of its objects' vectors, weighted by a network, as DeepMET does (CMS, 2025)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from lineshape.engine.learning.blocks.scaling import Scaling
from lineshape.engine.learning.roles.encoder import Encoder

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class VectorSum(Encoder):
    """Several sums Σ w v over the objects' vectors v, each with its own weights w.

    The weights depend on all columns but the vector's, so that a rotation of all vectors rotates the sums.
    """

    vector: tuple[str, str]
    """The two columns that are the components of each object's vector. `columns` must hold both, and at least one other
    for the weights to depend on.
    """
    layers: Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)] = (32, 32)
    """Widths of the hidden layers of the network that computes an object's weights, each followed by a ReLU."""
    number: Annotated[int, Field(gt=0)] = 4
    """Number of sums, each with a weight of its own for every object. The encoding has two values (components) for
    each.
    """

    @model_validator(mode="after")
    def _vector_is_among_the_columns(self) -> Self:
        if missing := [name for name in self.vector if name not in self.columns]:
            raise ValueError(f"vector: '{missing[0]}' is not one of the columns")
        if len(self.columns) == len(self.vector):
            raise ValueError("columns: expected some beside the vector, for the weights to depend on")
        return self

    @property
    def width(self) -> int:
        """Number of values that come out: two components of each sum."""
        return 2 * self.number

    def build(self, scaling: Scaling) -> "nn.Module":
        """Return a module of weights by dense layers and sums of vectors, divided by √most to be of order one."""
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
                # Vectors are scaled, not shifted: where all directions are equally likely the mean is zero.
                vectors = objects.values[:, :, self.vector] / self.inputs.standardise.scale[self.vector]
                weights = self.weights(self.inputs(objects.values)[:, :, self.others]) * objects.mask[:, :, None]
                sums: Tensor = torch.einsum("nok,nov->nkv", weights, vectors) / self.unit
                return sums.flatten(start_dim=1)

        return Module(self)
