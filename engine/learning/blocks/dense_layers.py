"""Define the settings of dense layers."""

from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.settings import Settings

Width = Annotated[int, Field(gt=0)]


class DenseLayers(Settings):
    """Stack of dense layers, each followed by an activation, and where asked for by batch norm and dropout."""

    layers: tuple[Width, ...] = (192, 192, 192, 128, 64)
    """Widths of the hidden layers, from the input to the output."""
    activation: Literal["relu", "elu", "tanh", "silu"] = "relu"
    """Activation after each hidden layer."""
    batch_norm: Literal["none", "last", "all"] = "none"
    """Hidden layers that are followed by batch normalisation: none, the last one, or all."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability that dropout zeroes a value; 0: no dropout."""
    dropout_on: Literal["last", "all"] = "all"
    """Hidden layers that are followed by dropout: the last one, or all."""
