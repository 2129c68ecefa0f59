"""Compute the squared error."""

from typing import TYPE_CHECKING

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class MeanSquaredError(Loss):
    """Squared error, in units of the target's scale."""

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return ((prediction − target) / scale)²."""
        return ((outputs["target"] - target) / scale) ** 2
