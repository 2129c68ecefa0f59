"""What an encoder is: settings that build a torch module from padded lists to a fixed number of values."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from lineshape.engine.core.errors import nearest
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.learning.blocks.scaling import Scaling

if TYPE_CHECKING:
    from torch import nn


class Encoder(Settings, ABC):
    """A kind of encoder.

    columns: of the lists, which all have the same length in a row. most: objects that are kept of a list, the first
    ones. scaling: which columns are scaled how, as of a model's features. mirrored: columns whose sign is changed along
    with that of a mirrored feature, by its name ({clusterEta: eta}).
    """

    #: Whether its module is `inputs`, dense layers `each` for each object, and the sum over all of them.
    sums: ClassVar[bool] = False

    columns: Annotated[Names, Field(min_length=1)]
    most: Annotated[int, Field(gt=0)] = 16
    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}
    mirrored: dict[str, str] = {}

    @model_validator(mode="after")
    def _columns_are_known(self) -> Self:
        named = {"scaling": [name for names in self.scaling.values() if names != "all" for name in names]}
        for setting, names in (named | {"mirrored": list(self.mirrored)}).items():
            for name in names:
                if name not in self.columns:
                    raise ValueError(f"{setting}: '{name}' is not one of the columns{nearest(name, self.columns)}")
        return self

    @property
    @abstractmethod
    def width(self) -> int:
        """How many values come out."""

    @abstractmethod
    def build(self, scaling: Scaling) -> "nn.Module":
        """A module from a Sequence (n, most, columns) to (n, width); an empty list has a value too."""
