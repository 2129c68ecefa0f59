"""Layers that networks share. This module imports torch; import it where it is used."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lineshape.engine.learning.scaling import Affine, Scaling

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh, "silu": nn.SiLU}


class Standardise(nn.Module):
    """(x − offset) / scale, by column."""

    offset: Tensor
    scale: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("offset", torch.from_numpy(affine.offset.copy()))
        self.register_buffer("scale", torch.from_numpy(affine.scale.copy()))

    def forward(self, x: Tensor) -> Tensor:
        """(n, columns) → (n, columns)."""
        return (x - self.offset) / self.scale

    def undo(self, x: Tensor) -> Tensor:
        """The inverse."""
        return x * self.scale + self.offset


class Inputs(nn.Module):
    """The scaling of a network's inputs."""

    logarithm: Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.register_buffer("logarithm", torch.from_numpy(scaling.logarithm.copy()))
        self.standardise = Standardise(scaling.affine)

    def forward(self, x: Tensor) -> Tensor:
        """(n, columns) → (n, columns)."""
        x = torch.where(self.logarithm, torch.log1p(x.clamp(min=0)), x)
        scaled: Tensor = self.standardise(x)
        return scaled


def stack(inputs: int, layers: Sequence[int], outputs: int, activation: str, dropout: float) -> nn.Sequential:
    """Dense layers with an activation after each but the last."""
    modules: list[nn.Module] = []
    width = inputs
    for size in layers:
        modules += [nn.Linear(width, size), ACTIVATIONS[activation]()]
        modules += [nn.Dropout(dropout)] if dropout else []
        width = size
    return nn.Sequential(*modules, nn.Linear(width, outputs))
