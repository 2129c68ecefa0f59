"""Build a mixture density network: dense layers to the parameters of a Gaussian mixture (C. Bishop, 1994)."""

from collections.abc import Sequence as Several
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.learning.blocks.scaling import Affine, Scalings
from lineshape.engine.learning.roles.model import Mixture, Output
from lineshape.engine.learning.roles.network import Head, Network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Sequence


class MixtureDensity(Network):
    """Mixture density network with outputs `log_weights`, `means`, `sigmas` and `target`, in the target's own units.

    The first three are (n, components); `target`, (n,), is the mixture's mean.
    """

    outputs: ClassVar[tuple[str, ...]] = ("log_weights", "means", "sigmas", "target")

    components: Annotated[int, Field(gt=0)] = 2
    """Number of Gaussian components."""
    widths: Literal["softplus", "elu"] = "softplus"
    """Function that makes the sigmas positive: softplus, or elu plus 1, the only one of both that lwtnn has."""
    smallest_sigma: Annotated[float, Field(gt=0)] = 1e-3
    """Smallest width of a component, in units of the target's scale. It is added to every sigma, so that no component
    can shrink onto a single row.
    """

    def build(self, scalings: Scalings) -> "nn.Module":
        """Return a module with 3 × components outputs: weights by softmax, means, and sigmas by softplus or elu + 1."""
        from torch import nn
        from torch.nn import functional

        from lineshape.engine.learning.blocks.layers import EMPTY, Standardise

        class Module(nn.Module):
            def __init__(self, settings: MixtureDensity) -> None:
                super().__init__()
                k = settings.components
                self.smallest, self.softplus = settings.smallest_sigma, settings.widths == "softplus"
                self.trunk = settings.trunk(scalings, 3 * k)
                self.target = Standardise(scalings.target)

            def forward(self, x: "Tensor", sequences: "Mapping[str, Sequence]" = EMPTY) -> dict[str, "Tensor"]:
                weights, means, widths = self.trunk(x, sequences).to(x.dtype).chunk(3, dim=1)
                log_weights = functional.log_softmax(weights, dim=1)
                means = self.target.undo(means)
                positive = functional.softplus(widths) if self.softplus else functional.elu(widths) + 1
                return {
                    "log_weights": log_weights,
                    "means": means,
                    "sigmas": (positive + self.smallest) * self.target.scale,
                    "target": (log_weights.exp() * means).sum(dim=1),
                }

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """Return the mixture, and its mean as the target."""
        mixture = Mixture(np.exp(outputs["log_weights"]), outputs["means"], outputs["sigmas"])
        return Output(mixture.mean, mixture)

    def named(self, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """Return the mixture's weights, means and sigmas, and its total width `sigma`."""
        weights, means, sigmas = outputs["log_weights"].exp(), outputs["means"], outputs["sigmas"]
        # Computed around the mean: in float32 the mean of squares less the squared mean would lose digits.
        variance = (weights * (sigmas**2 + (means - outputs["target"][:, None]) ** 2)).sum(dim=1)
        return {"weights": weights, "means": means, "sigmas": sigmas, "sigma": variance.clamp(min=1e-12).sqrt()}

    def heads(self, target: Affine) -> Several[Head]:
        """Return one head each for the weights, means and sigmas."""
        k, scale, offset = self.components, float(target.scale[0]), float(target.offset[0])
        one = 0.0 if self.widths == "softplus" else 1.0
        return [
            Head("weights", 0, k, "softmax"),
            Head("means", k, 2 * k, "linear", scale, offset),
            Head("sigmas", 2 * k, 3 * k, self.widths, scale, (one + self.smallest_sigma) * scale),
        ]
