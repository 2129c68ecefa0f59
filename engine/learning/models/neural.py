"""Train a neural model: one network, a loss and a sampler."""

from typing import TYPE_CHECKING

from lineshape.engine.learning.blocks.scaling import Scalings
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.models.supervised_model import SupervisedModel

if TYPE_CHECKING:
    from lineshape.engine.learning.fit.learner import Learner


class Neural(SupervisedModel):
    """Network that learns from a loss, and from penalties where there are any."""

    @property
    def network_names(self) -> tuple[str, ...]:
        """Name of the one network, for phases."""
        return ("network",)

    def default_phases(self) -> list[Phase]:
        """Return one phase, in which the network learns from the loss and the penalties."""
        return [Phase(epochs=self.epochs, steps=[Step(train=["network"], losses=self.strengths)])]

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Return the network with fresh weights, and its losses."""
        import torch

        from lineshape.engine.learning.fit.learner import Supervised

        network = self.predicting.build(scalings)
        scale = torch.from_numpy(scalings.target.scale.copy())
        return Supervised(network, self.built_loss, self.built_penalties, scale, self.built_metrics)
