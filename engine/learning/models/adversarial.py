"""Train a network against an adversary that predicts a column from its output (G. Louppe et al., 2017)."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Target
from lineshape.engine.learning.blocks.scaling import Scaling, Scalings, standard
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.losses.negative_log_likelihood import NegativeLogLikelihood
from lineshape.engine.learning.models.supervised_model import SupervisedModel
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.network import NETWORKS, Network

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Batch
    from lineshape.engine.learning.fit.learner import Learner


class Adversarial(SupervisedModel):
    """Network trained against an adversary, so that its output predicts as little as possible about a column.

    By default first the network and then the adversary learn alone, each for a quarter of the epochs, and then against
    each other (G. Louppe et al., 2017).
    """

    column: str
    """Column of the feature store that the network's output is not to depend on."""
    of: str = "target"
    """Name of the network's output that the adversary sees."""

    adversary: Annotated[KindSpec, NETWORKS] = KindSpec(kind="mixture_density", layers=[64, 64], components=3)
    """Adversary: a mixture density network that learns the density of the column given the output."""
    strength: Annotated[float, Field(gt=0)] = 1.0
    """Factor λ of the adversary's loss, which is subtracted from the network's, so that the network makes it grow."""
    turns: Annotated[int, Field(gt=0)] = 1
    """Number of the adversary's updates for each update of the network, while they learn against each other."""

    @cached_property
    def built_adversary(self) -> Network:
        """Adversary that is built from its settings."""
        return NETWORKS.build(self.adversary, ("adversary",))

    @model_validator(mode="after")
    def _adversary_guesses_a_density(self) -> Self:
        there, needed = self.built_adversary.outputs, NegativeLogLikelihood.needs
        if there and not set(needed) <= set(there):
            raise ValueError(
                f"adversary: network {self.adversary.kind} has outputs {', '.join(there)}; "
                f"expected {', '.join(needed)}, as of mixture_density"
            )
        return self

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the target is a vector, which the adversary cannot take as input."""
        Model.require_target(self, target)

    @property
    def further_needs(self) -> dict[str, tuple[str, ...]]:
        """Name of the output that the adversary sees."""
        return {"adversary": (self.of,)}

    @property
    def network_names(self) -> tuple[str, ...]:
        """Names of the two networks, for phases."""
        return ("network", "adversary")

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses, for phases: the adversary's besides the others."""
        return (*super().loss_names, "adversary")

    @property
    def other_columns(self) -> tuple[str, ...]:
        """Columns besides the features that losses read: those of the penalties, and the adversary's column."""
        return tuple(dict.fromkeys([*super().other_columns, self.column]))

    def parts(self) -> list[object]:
        """Return the kinds that make up the model, the adversary included."""
        return [*super().parts(), self.built_adversary]

    def default_phases(self) -> list[Phase]:
        """Return three phases: the network alone, the adversary alone, and both against each other."""
        alone = max(1, self.epochs // 4)
        learn = Step(train=["network"], losses=self.strengths)
        guess = Step(train=["adversary"], losses={"adversary": 1.0})
        against = Step(train=["network"], losses=self.strengths | {"adversary": -self.strength}, every=self.turns)
        together = Phase(epochs=max(1, self.epochs - 2 * alone), steps=[guess, against], keep="last")
        return [Phase(epochs=alone, steps=[learn]), Phase(epochs=alone, steps=[guess]), together]

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Return both networks with fresh weights, and their losses."""
        import torch

        from lineshape.engine.learning.fit.learner import Supervised

        column = standard(np.array(rows.flat[:, rows.names.index(self.column)])[:, np.newaxis])
        # The adversary sees the output in units of the target's width.
        seen = Scalings(Scaling(scalings.target, np.zeros(1, bool)), column, {})
        scale = torch.from_numpy(scalings.target.scale.copy())
        network = self.predicting.build(scalings)
        own = Supervised(network, self.built_loss, self.built_penalties, scale, self.built_metrics)
        return _learner(self, own, seen)


def _learner(settings: Adversarial, supervised: "Learner", seen: Scalings) -> "Learner":
    from lineshape.engine.learning.fit.learner import Learner, Supervised

    assert isinstance(supervised, Supervised)
    loss, name, column = NegativeLogLikelihood(), settings.of, settings.column

    class Module(Learner):
        def __init__(self, own: Supervised, adversary: "nn.Module") -> None:
            super().__init__({"network": own.predicting, "adversary": adversary})
            self.own = own

        def losses(self, batch: "Batch", names: "Set[str]") -> "dict[str, Tensor]":
            outputs = self.own.predict(batch)
            found = self.own.judge(outputs, batch, names)
            if "adversary" not in names:
                return found
            guessed = self.networks["adversary"](outputs[name].reshape(len(batch), -1))
            of_rows = loss(guessed, batch.columns[column], self.own.get_buffer("scale"))
            return found | {"adversary": (of_rows * batch.weight).mean()}

    return Module(supervised, settings.built_adversary.build(seen))
