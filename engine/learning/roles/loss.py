"""Define the base class of losses, which are functions of a network's outputs and the target."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Settings, ABC):
    """Base class of losses."""

    #: Names of the network's outputs that the loss is computed from.
    needs: ClassVar[tuple[str, ...]] = ("target",)

    @property
    def classes(self) -> int | None:
        """Number of classes, numbered from 0 in the target; None where the target is a quantity."""
        return None

    @abstractmethod
    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return the loss of each row, (n,), or of each component of a vector target, (n, components).

        outputs: outputs of the network by name, in the target's own units. target: true values, of the same shape.
        scale: the width that the target is scaled by.
        """


#: Losses, by kind.
LOSSES: Final = Role("loss", "lineshape.engine.learning.losses", Loss, "models.*.loss")
