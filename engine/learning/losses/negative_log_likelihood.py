"""Compute −log p of the target under a Gaussian mixture, in nats for each row and in the target's own units."""

import math
from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class NegativeLogLikelihood(Loss):
    """−log Σ π N(target; μ, σ) by log-sum-exp; equal to torch.distributions.MixtureSameFamily."""

    needs: ClassVar[tuple[str, ...]] = ("log_weights", "means", "sigmas")

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return −log p of each row, (n,), in nats."""
        import torch

        pulls = (target[:, None] - outputs["means"]) / outputs["sigmas"]
        log_density = -0.5 * pulls**2 - outputs["sigmas"].log() - 0.5 * math.log(2 * math.pi)
        return -torch.logsumexp(outputs["log_weights"] + log_density, dim=1)
