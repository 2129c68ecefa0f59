"""What a network is: settings that build a torch module."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.learning.encoders.encoder import Encoder
from lineshape.engine.learning.models.model import Output
from lineshape.engine.learning.scaling import Affine, Scalings
from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

Width = Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class Head:
    """An output in terms of the last dense layer: activation(columns start to stop) × scale + offset.

    activation: linear, sigmoid, softmax, softplus or elu. scale, offset: one for all of its columns, or one for each.
    """

    name: str
    start: int
    stop: int
    activation: str = "linear"
    scale: float | Sequence[float] = 1.0
    offset: float | Sequence[float] = 0.0


class Network(Settings, ABC):
    """A kind of network. Its module maps x (n, features), and lists, to named outputs in the target's own units.

    layers: widths of the dense layers. batch_norm, dropout_on: after which of them. sequences: an encoder for each kind
    of list (tracks, clusters), whose values the dense layers see beside the features.
    """

    #: Names of the module's outputs; none where they are not declared, and then nothing is checked.
    outputs: ClassVar[tuple[str, ...]] = ()
    #: Whether its target may be a vector.
    vectors: ClassVar[bool] = False

    layers: tuple[Width, ...] = (192, 192, 192, 128, 64)
    activation: Literal["relu", "elu", "tanh", "silu"] = "relu"
    batch_norm: Literal["none", "last", "all"] = "none"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_on: Literal["last", "all"] = "all"
    sequences: dict[str, KindSpec] = {}

    @model_validator(mode="after")
    def _encoders_exist(self) -> Self:
        _ = self.encoders
        return self

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Of each kind of list."""
        return {
            name: build("lineshape.engine.learning.encoders", Encoder, spec, ("sequences", name))
            for name, spec in self.sequences.items()
        }

    @property
    def number_of_classes(self) -> int | None:
        """How many classes it tells apart, None where its target is a quantity."""
        return None

    @abstractmethod
    def build(self, scalings: Scalings) -> "nn.Module":
        """A module with fresh weights; the scaling of inputs and target is inside."""

    @abstractmethod
    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """What the module's outputs say of each row."""

    def named(self, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """What an exported graph gives beside the target, by the names of `OUTPUTS`: the same as `read` says of it."""
        return {}

    def heads(self, target: Affine) -> Sequence[Head]:
        """The outputs for formats that know dense layers and activations alone; none where they cannot be said so."""
        return ()
