"""A neural model: a network, a loss and a sampler, trained by the one loop."""

from typing import TYPE_CHECKING

from lineshape.engine.learning.blocks.scaling import Scalings
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.models.supervised_model import SupervisedModel

if TYPE_CHECKING:
    from lineshape.engine.learning.fit.learner import Learner


class Neural(SupervisedModel):
    """A network that learns from its loss, and from penalties where there are any."""

    @property
    def network_names(self) -> tuple[str, ...]:
        """One."""
        return ("network",)

    def default_phases(self) -> list[Phase]:
        """The network learns from the loss and the penalties."""
        return [Phase(epochs=self.epochs, steps=[Step(train=["network"], losses=self.strengths)])]

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """The network and its losses."""
        import torch

        from lineshape.engine.learning.fit.learner import Supervised

        network = self.predicting.build(scalings)
        scale = torch.from_numpy(scalings.target.scale.copy())
        return Supervised(network, self.built_loss, self.built_penalties, scale, self.built_metrics)
