"""A mixture density network: dense layers to the parameters of a Gaussian mixture (C. Bishop, 1994)."""

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
    """Outputs `log_weights`, `means` and `sigmas`, each (n, components), in the target's own units.

    And `target`, the mixture's mean, (n,).

    widths: what makes sigmas positive, softplus or elu + 1; lwtnn knows the latter alone.
    """

    outputs: ClassVar[tuple[str, ...]] = ("log_weights", "means", "sigmas", "target")

    components: Annotated[int, Field(gt=0)] = 2
    widths: Literal["softplus", "elu"] = "softplus"
    smallest_sigma: Annotated[float, Field(gt=0)] = 1e-3  # of the scaled target: no component may close in on one tau

    def build(self, scalings: Scalings) -> "nn.Module":
        """Dense layers to 3 × components; weights by softmax, sigmas by softplus or elu + 1."""
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
        """The mixture, and its mean as the target."""
        mixture = Mixture(np.exp(outputs["log_weights"]), outputs["means"], outputs["sigmas"])
        return Output(mixture.mean, mixture)

    def named(self, outputs: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
        """The mixture, and its width."""
        weights, means, sigmas = outputs["log_weights"].exp(), outputs["means"], outputs["sigmas"]
        # Around the mean, where float32 loses no digits, in place of the mean of squares.
        variance = (weights * (sigmas**2 + (means - outputs["target"][:, None]) ** 2)).sum(dim=1)
        return {"weights": weights, "means": means, "sigmas": sigmas, "sigma": variance.clamp(min=1e-12).sqrt()}

    def heads(self, target: Affine) -> Several[Head]:
        """Weights, means and sigmas."""
        k, scale, offset = self.components, float(target.scale[0]), float(target.offset[0])
        one = 0.0 if self.widths == "softplus" else 1.0
        return [
            Head("weights", 0, k, "softmax"),
            Head("means", k, 2 * k, "linear", scale, offset),
            Head("sigmas", 2 * k, 3 * k, self.widths, scale, (one + self.smallest_sigma) * scale),
        ]
