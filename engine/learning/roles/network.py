"""Define the base class of networks, which build torch modules."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.role import Role
from lineshape.engine.learning.blocks.dense_layers import DenseLayers
from lineshape.engine.learning.blocks.scaling import Affine, Scalings
from lineshape.engine.learning.roles.encoder import ENCODERS, Encoder
from lineshape.engine.learning.roles.model import Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.layers import Trunk


@dataclass(frozen=True)
class Head:
    """Output in terms of the last dense layer: activation(columns start to stop) × scale + offset.

    activation: linear, sigmoid, softmax, softplus or elu. scale, offset: one for all of its columns, or one for each.
    """

    name: str
    start: int
    stop: int
    activation: str = "linear"
    scale: float | Sequence[float] = 1.0
    offset: float | Sequence[float] = 0.0


class Network(DenseLayers, ABC):
    """Base class of networks: modules from x (n, features), and lists, to named outputs in the target's own units."""

    #: Names of the module's outputs; empty where they are not declared, and then nothing is checked.
    outputs: ClassVar[tuple[str, ...]] = ()
    #: Whether the target may be a vector.
    vectors: ClassVar[bool] = False

    sequences: dict[str, Annotated[KindSpec, ENCODERS]] = {}
    """Encoder of each kind of list (tracks, clusters …), by a name of the user's choice.

    The encoded values are inputs of the dense layers, beside the features. Empty: no lists.
    """

    @model_validator(mode="after")
    def _encoders_exist(self) -> Self:
        _ = self.encoders
        return self

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Encoders by kind of list."""
        return {name: ENCODERS.build(spec, ("sequences", name)) for name, spec in self.sequences.items()}

    def trunk(self, scalings: Scalings, outputs: int) -> "Trunk":
        """Return a module with fresh weights: scaling, an encoding of each kind of list, and dense layers."""
        from lineshape.engine.learning.blocks.layers import Trunk

        built = {name: each.build(scalings.sequences[name]) for name, each in self.encoders.items()}
        width = sum(each.width for each in self.encoders.values())
        return Trunk(self, scalings.features, built, width, outputs)

    @property
    def number_of_classes(self) -> int | None:
        """Number of classes that the network distinguishes; None where the target is a quantity."""
        return None

    @abstractmethod
    def build(self, scalings: Scalings) -> "nn.Module":
        """Return a module with fresh weights, which contains the scaling of inputs and target."""

    @abstractmethod
    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """Return the estimate of each row from the module's outputs."""

    def named(self, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """Return an exported graph's outputs beside the target, by the names of `OUTPUTS`, equal to those of `read`."""
        return {}

    def heads(self, target: Affine) -> Sequence[Head]:
        """Return the outputs for formats with only dense layers and activations; empty if these cannot express them."""
        return ()


#: Networks, by kind.
NETWORKS: Final = Role("network", "lineshape.engine.learning.networks", Network, "models.*.network")
