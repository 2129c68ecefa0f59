"""Compute the quantile loss, which is minimal at a quantile of the target (R. Koenker and G. Bassett, 1978)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Quantile(Loss):
    """Quantile (pinball) loss; the trained prediction is the quantile at `probability`."""

    probability: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability of the quantile that the network learns; 0.5 is the median."""

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return max(p d, (p − 1) d) with d = (target − prediction) / scale."""
        import torch

        distance = (target - outputs["target"]) / scale
        return torch.maximum(self.probability * distance, (self.probability - 1) * distance)
