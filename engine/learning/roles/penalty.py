"""Define the base class of penalties: functions of a network's outputs over a batch that are added to the loss."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class Penalty(Settings, ABC):
    """Base class of penalties."""

    strength: Annotated[float, Field(ge=0)] = 1.0
    """Factor λ that multiplies the penalty before it is added to the loss; 0: nothing is added."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the network's outputs that the penalty is computed from."""
        return ("target",)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that the penalty reads."""
        return ()

    @abstractmethod
    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Return the penalty of the batch, one number without the strength. scale: the width that scales the target."""


#: Penalties, by kind.
PENALTIES: Final = Role("penalty", "lineshape.engine.learning.penalties", Penalty, "models.*.penalties.*")
