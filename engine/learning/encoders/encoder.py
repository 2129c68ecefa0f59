"""What an encoder is: settings that build a torch module from padded lists to a fixed number of values."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lineshape.engine.learning.scaling import Scaling
from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    from torch import nn


class Encoder(Settings, ABC):
    """A kind of encoder.

    columns: of the lists, which all have the same length in a row. most: objects that are kept of a list, the first
    ones. scaling: which columns are scaled how, as of a model's features.
    """

    columns: Annotated[list[str], Field(min_length=1)]
    most: Annotated[int, Field(gt=0)] = 16
    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}

    @property
    @abstractmethod
    def width(self) -> int:
        """How many values come out."""

    @abstractmethod
    def build(self, scaling: Scaling) -> "nn.Module":
        """A module from a Sequence (n, most, columns) to (n, width); an empty list has a value too."""
