"""What a network is: settings that build a torch module."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.learning.models.model import Output
from lineshape.engine.learning.scaling import Affine, Scaling
from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[int, Field(gt=0)]


class Network(Settings, ABC):
    """A kind of network. Its module maps x (n, features) to named outputs in the target's own units."""

    layers: tuple[Width, ...] = (192, 192, 192, 128, 64)
    activation: Literal["relu", "elu", "tanh", "silu"] = "relu"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @abstractmethod
    def build(self, inputs: Scaling, target: Affine) -> "nn.Module":
        """A module with fresh weights; the scaling of inputs and target is inside."""

    @abstractmethod
    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """What the module's outputs say of each row."""
