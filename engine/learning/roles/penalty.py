"""What a penalty is: settings that are a function of a network's outputs over a batch, added to the loss."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class Penalty(Settings, ABC):
    """A kind of penalty. strength: λ, by which it is multiplied before it is added to the loss."""

    strength: Annotated[float, Field(ge=0)] = 1.0

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the network's outputs that it looks at."""
        return ("target",)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that it looks at."""
        return ()

    @abstractmethod
    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """One number of the batch, without the strength. scale: the width that the target is scaled by."""
