"""Compute a loss that is least near the mode of the target: a leaky Gaussian kernel.

Source: the kernel is that of a density estimate (E. Parzen, Ann. Math. Stat. 33 (1962) 1065); with a leak it is among
the losses by which networks calibrate jets to the mode of the response.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class ModeSeeking(Loss):
    """−exp(−d²/2α²) + β |d|/α, with d the difference of prediction and target in units of the target's scale.

    The first term is least where the density of the target, smoothed by a Gaussian of width α, is highest; the second
    one leads there from far away, where the first is flat, and draws a little to the median.
    """

    width: Annotated[float, Field(gt=0)] = 0.3
    """α, in units of the target's scale: about the width of the distribution's core."""
    leak: Annotated[float, Field(ge=0)] = 0.05
    """β, the slope of the second term; 0: none, which learns nothing from rows many widths away."""

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return −exp(−d²/2α²) + β |d|/α of each row and component."""
        distance = (outputs["target"] - target) / scale / self.width
        return -(-0.5 * distance**2).exp() + self.leak * distance.abs()
