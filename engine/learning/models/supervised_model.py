"""What models share whose network is held against the target: the network, its loss, and penalties."""

from abc import ABC
from functools import cached_property

from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.learning.losses.loss import Loss
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.networks.network import Network
from lineshape.engine.learning.penalties.penalty import Penalty


class SupervisedModel(NetworkModel, ABC):
    """A network whose outputs are held against the target.

    penalties: what is added to the loss, each by its name times its strength.
    """

    network: KindSpec
    loss: KindSpec
    penalties: dict[str, KindSpec] = {}

    @cached_property
    def predicting(self) -> Network:
        """The network's kind with its settings."""
        return build("lineshape.engine.learning.networks", Network, self.network, ("network",))

    @cached_property
    def built_loss(self) -> Loss:
        """The loss's kind with its settings."""
        return build("lineshape.engine.learning.losses", Loss, self.loss, ("loss",))

    @cached_property
    def built_penalties(self) -> dict[str, Penalty]:
        """The penalties' kinds with their settings."""
        return {
            name: build("lineshape.engine.learning.penalties", Penalty, spec, ("penalties", name))
            for name, spec in self.penalties.items()
        }

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The loss and the penalties."""
        return ("loss", *self.penalties)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """Those of the penalties."""
        return tuple(dict.fromkeys(name for penalty in self.built_penalties.values() for name in penalty.columns))

    @property
    def classes(self) -> int | None:
        """The loss's."""
        return self.built_loss.classes

    @property
    def strengths(self) -> dict[str, float]:
        """How much of each loss is in their sum."""
        return {"loss": 1.0} | {name: penalty.strength for name, penalty in self.built_penalties.items()}

    def parts(self) -> list[object]:
        """The model, its network with its encoders, its loss, its penalties and its sampler."""
        network = self.predicting
        penalties = self.built_penalties.values()
        return [self, network, *network.encoders.values(), self.built_loss, *penalties, self.built_sampler]
