"""What a loss is: settings that are a function of a network's outputs and the target."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Settings, ABC):
    """A kind of loss."""

    #: Names of the network's outputs that it looks at.
    needs: ClassVar[tuple[str, ...]] = ("target",)

    @property
    def classes(self) -> int | None:
        """How many classes the target numbers, from 0 on; None where it is a quantity."""
        return None

    @abstractmethod
    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """The loss of each row, (n,), or of each component of a vector as well, (n, components).

        outputs: of the network, in the target's own units. target: of the same shape. scale: the width that the target
        is scaled by.
        """
