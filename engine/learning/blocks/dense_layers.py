"""Settings of dense layers."""

from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.settings import Settings

Width = Annotated[int, Field(gt=0)]


class DenseLayers(Settings):
    """Dense layers, one after the other.

    layers: their widths. batch_norm, dropout_on: after which of them.
    """

    layers: tuple[Width, ...] = (192, 192, 192, 128, 64)
    activation: Literal["relu", "elu", "tanh", "silu"] = "relu"
    batch_norm: Literal["none", "last", "all"] = "none"
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_on: Literal["last", "all"] = "all"
