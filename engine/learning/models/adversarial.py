"""A network against an adversary that tries to tell a column from its output (G. Louppe et al., 2017)."""

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Target
from lineshape.engine.learning.blocks.scaling import Scaling, Scalings, standard
from lineshape.engine.learning.data.table import Rows
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.losses.negative_log_likelihood import NegativeLogLikelihood
from lineshape.engine.learning.models.supervised_model import SupervisedModel
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.network import Network

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import Tensor, nn

    from lineshape.engine.learning.blocks.batch import Batch
    from lineshape.engine.learning.fit.learner import Learner


class Adversarial(SupervisedModel):
    """A network that is to do well and leave its adversary without a clue of `column`.

    adversary: a mixture density network, which learns the density of the column given the output `of` the network.
    strength: λ, of the adversary's loss in the network's, which is to make it grow. turns: of the adversary for each of
    the network's. By default both learn alone for a quarter of the epochs, and then against each other.
    """

    column: str
    of: str = "target"

    adversary: KindSpec = KindSpec(kind="mixture_density", layers=[64, 64], components=3)
    strength: Annotated[float, Field(gt=0)] = 1.0
    turns: Annotated[int, Field(gt=0)] = 1

    @cached_property
    def built_adversary(self) -> Network:
        """The adversary's kind with its settings."""
        return build("lineshape.engine.learning.networks", Network, self.adversary, ("adversary",))

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
        """Raise RequestError where it is a vector, which the adversary does not see."""
        Model.require_target(self, target)

    @property
    def further_needs(self) -> dict[str, tuple[str, ...]]:
        """The output that the adversary sees."""
        return {"adversary": (self.of,)}

    @property
    def network_names(self) -> tuple[str, ...]:
        """Two."""
        return ("network", "adversary")

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The adversary's beside the others."""
        return (*super().loss_names, "adversary")

    @property
    def other_columns(self) -> tuple[str, ...]:
        """The column beside those of the penalties."""
        return tuple(dict.fromkeys([*super().other_columns, self.column]))

    def parts(self) -> list[object]:
        """The adversary beside the others."""
        return [*super().parts(), self.built_adversary]

    def default_phases(self) -> list[Phase]:
        """The network alone, the adversary alone, both."""
        alone = max(1, self.epochs // 4)
        learn = Step(train=["network"], losses=self.strengths)
        guess = Step(train=["adversary"], losses={"adversary": 1.0})
        against = Step(train=["network"], losses=self.strengths | {"adversary": -self.strength}, every=self.turns)
        together = Phase(epochs=max(1, self.epochs - 2 * alone), steps=[guess, against], keep="last")
        return [Phase(epochs=alone, steps=[learn]), Phase(epochs=alone, steps=[guess]), together]

    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Both networks and their losses."""
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
