"""Mean squared error."""

from typing import TYPE_CHECKING

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class MeanSquaredError(Loss):
    """In units of the target's scale."""

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """((prediction − target) / scale)²."""
        return ((outputs["target"] - target) / scale) ** 2
