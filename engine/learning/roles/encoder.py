"""Define the base class of encoders, which map padded lists of objects to a fixed number of values."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from lineshape.engine.core.errors import nearest
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.learning.blocks.scaling import Scaling

if TYPE_CHECKING:
    from torch import nn


class Encoder(Settings, ABC):
    """Base class of encoders: settings that build a torch module for one kind of list (tracks, clusters …)."""

    #: Whether the module consists of `inputs`, dense layers `each` applied to each object, and a sum over the objects.
    sums: ClassVar[bool] = False

    columns: Annotated[Names, Field(min_length=1)]
    """Names of the columns of the lists; in a row, the lists of all these columns have the same length."""
    most: Annotated[int, Field(gt=0)] = 16
    """Largest number of objects used of a list; the first ones are taken, the others ignored."""
    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}
    """Columns to scale, by kind of scaling; `all` stands for all of them.

    As for a model's features: standard (mean and standard deviation), logarithm (the same, of log(1 + value)) or robust
    (median and half the width of the central 68 %). A column that is not named is left as it is.
    """
    mirrored: dict[str, str] = {}
    """Columns whose sign changes along with that of a mirrored feature, and that feature: {clusterEta: eta}."""

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
        """Number of values that the encoder gives for each row."""

    @abstractmethod
    def build(self, scaling: Scaling) -> "nn.Module":
        """Return a module that maps a Sequence (n, most, columns) to (n, width); an empty list is encoded as well."""


#: Encoders of lists, by kind.
ENCODERS: Final = Role("encoder", "lineshape.engine.learning.encoders", Encoder, "models.*.network.sequences.*")
