"""Implement the layers that networks share. This module imports torch; import it where it is used."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from lineshape.engine.learning.blocks.batch import Sequence
from lineshape.engine.learning.blocks.dense_layers import DenseLayers
from lineshape.engine.learning.blocks.scaling import Affine, Scaling

EMPTY: Mapping[str, Sequence] = MappingProxyType({})

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh, "silu": nn.SiLU}


class Standardise(nn.Module):
    """Affine scaling of each column: (x − offset) / scale."""

    offset: Tensor
    scale: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("offset", torch.from_numpy(affine.offset.copy()))
        self.register_buffer("scale", torch.from_numpy(affine.scale.copy()))

    def forward(self, x: Tensor) -> Tensor:
        """Scale x (n, columns) → (n, columns)."""
        return (x - self.offset) / self.scale

    def undo(self, x: Tensor) -> Tensor:
        """Return x × scale + offset, the inverse of `forward`."""
        return x * self.scale + self.offset


class InputLayer(nn.Module):
    """Scaling of a network's inputs: the logarithm where asked for, and then an affine scaling."""

    logarithm: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.register_buffer("logarithm", torch.from_numpy(scaling.logarithm.copy()))
        self.standardise = Standardise(scaling.affine)

    def forward(self, x: Tensor) -> Tensor:
        """Scale x (n, columns) → (n, columns)."""
        x = torch.where(self.logarithm, torch.log1p(x.clamp(min=0)), x)
        scaled: Tensor = self.standardise(x)
        return scaled


class Trunk(nn.Module):
    """Scaling of the inputs, an encoder for each kind of list, and dense layers.

    encoders: built modules by kind of list. encoded: total number of values that they give.
    """

    def __init__(
        self, settings: DenseLayers, features: Scaling, encoders: Mapping[str, nn.Module], encoded: int, outputs: int
    ) -> None:
        super().__init__()
        self.inputs = InputLayer(features)
        self.encoders = nn.ModuleDict(encoders)
        self.body = stack(len(features.logarithm) + encoded, settings, outputs)

    def forward(self, x: Tensor, sequences: Mapping[str, Sequence] = EMPTY) -> Tensor:
        """Map features (n, features) and lists to (n, outputs)."""
        encoded = [encoder(sequences[name]) for name, encoder in self.encoders.items()]
        found: Tensor = self.body(torch.cat([self.inputs(x), *encoded], dim=1) if encoded else self.inputs(x))
        return found


def stack(inputs: int, settings: DenseLayers, outputs: int) -> nn.Sequential:
    """Build dense layers: after each but the last an activation, and where asked for batch norm and dropout."""
    modules: list[nn.Module] = []
    width = inputs
    for number, size in enumerate(settings.layers, start=1):
        last = number == len(settings.layers)
        modules += [nn.Linear(width, size), ACTIVATIONS[settings.activation]()]
        modules += (
            [nn.BatchNorm1d(size)] if settings.batch_norm == "all" or (settings.batch_norm == "last" and last) else []
        )
        modules += [nn.Dropout(settings.dropout)] if settings.dropout and (last or settings.dropout_on == "all") else []
        width = size
    return nn.Sequential(*modules, nn.Linear(width, outputs))
