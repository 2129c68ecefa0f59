"""Compute Huber's loss: squared near zero, absolute in the tails."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Huber(Loss):
    """Huber's function of the difference of prediction and target, in units of the target's scale."""

    slope: Annotated[float, Field(gt=0)] = 1.0
    """Distance from the target at which the loss turns from squared to absolute, in units of the target's scale."""

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return Huber's function of (prediction − target) / scale."""
        from torch.nn.functional import huber_loss

        return huber_loss(outputs["target"] / scale, target / scale, delta=self.slope, reduction="none")
