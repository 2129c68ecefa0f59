"""A mixture density network: dense layers to the parameters of a Gaussian mixture (C. Bishop, 1994)."""

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.learning.models.model import Mixture, Output
from lineshape.engine.learning.networks.network import Network
from lineshape.engine.learning.scaling import Scalings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from lineshape.engine.learning.batch import Sequence


class MixtureDensity(Network):
    """Outputs `log_weights`, `means` and `sigmas`, each (n, components), in the target's own units.

    And `target`, the mixture's mean, (n,).
    """

    outputs: ClassVar[tuple[str, ...]] = ("log_weights", "means", "sigmas", "target")

    components: Annotated[int, Field(gt=0)] = 2
    smallest_sigma: Annotated[float, Field(gt=0)] = 1e-3  # of the scaled target: no component may close in on one tau

    def build(self, scalings: Scalings) -> "nn.Module":
        """Dense layers to 3 × components; weights by softmax, sigmas by softplus."""
        from torch import nn
        from torch.nn import functional

        from lineshape.engine.learning.layers import EMPTY, Standardise, Trunk

        class Module(nn.Module):
            def __init__(self, settings: MixtureDensity) -> None:
                super().__init__()
                k = settings.components
                self.smallest = settings.smallest_sigma
                self.trunk = Trunk(settings, scalings, 3 * k)
                self.target = Standardise(scalings.target)

            def forward(self, x: "Tensor", sequences: "Mapping[str, Sequence]" = EMPTY) -> dict[str, "Tensor"]:
                weights, means, widths = self.trunk(x, sequences).float().chunk(3, dim=1)
                log_weights = functional.log_softmax(weights, dim=1)
                means = self.target.undo(means)
                return {
                    "log_weights": log_weights,
                    "means": means,
                    "sigmas": (functional.softplus(widths) + self.smallest) * self.target.scale,
                    "target": (log_weights.exp() * means).sum(dim=1),
                }

        return Module(self)

    def read(self, outputs: dict[str, NDArray[np.float64]]) -> Output:
        """The mixture, and its mean as the target."""
        mixture = Mixture(np.exp(outputs["log_weights"]), outputs["means"], outputs["sigmas"])
        return Output(mixture.mean, mixture)
