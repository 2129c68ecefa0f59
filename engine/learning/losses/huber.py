"""Huber's loss: squared near zero, absolute in the tails."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Huber(Loss):
    """Turns from squared to absolute at `slope`, in units of the target's scale."""

    slope: Annotated[float, Field(gt=0)] = 1.0

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Huber's function of (prediction − target) / scale."""
        from torch.nn.functional import huber_loss

        return huber_loss(outputs["target"] / scale, target / scale, delta=self.slope, reduction="none")
