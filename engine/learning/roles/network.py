"""What a network is: settings that build a torch module."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.learning.blocks.dense_layers import DenseLayers
from lineshape.engine.learning.blocks.scaling import Affine, Scalings
from lineshape.engine.learning.roles.encoder import Encoder
from lineshape.engine.learning.roles.model import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.layers import Trunk


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


class Network(DenseLayers, ABC):
    """A kind of network. Its module maps x (n, features), and lists, to named outputs in the target's own units.

    sequences: an encoder for each kind of list (tracks, clusters), whose values the dense layers see beside the
    features.
    """

    #: Names of the module's outputs; none where they are not declared, and then nothing is checked.
    outputs: ClassVar[tuple[str, ...]] = ()
    #: Whether its target may be a vector.
    vectors: ClassVar[bool] = False

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

    def trunk(self, scalings: Scalings, outputs: int) -> "Trunk":
        """Return a module with fresh weights: scaling, an encoding of each kind of list, and dense layers."""
        from lineshape.engine.learning.blocks.layers import Trunk

        built = {name: each.build(scalings.sequences[name]) for name, each in self.encoders.items()}
        width = sum(each.width for each in self.encoders.values())
        return Trunk(self, scalings.features, built, width, outputs)

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
