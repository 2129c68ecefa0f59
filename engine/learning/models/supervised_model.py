"""What models share whose network is held against the target: the network, its loss, and penalties."""

from abc import ABC
from functools import cached_property
from typing import Self

from pydantic import model_validator

from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.roles.loss import Loss
from lineshape.engine.learning.roles.network import Network
from lineshape.engine.learning.roles.penalty import Penalty


class SupervisedModel(NetworkModel, ABC):
    """A network whose outputs are held against the target.

    penalties: what is added to the loss, each by its name times its strength. metrics: losses that nothing learns from,
    told of the validation split after each epoch.
    """

    network: KindSpec
    loss: KindSpec
    penalties: dict[str, KindSpec] = {}
    metrics: dict[str, KindSpec] = {}

    @model_validator(mode="after")
    def _names_are_apart(self) -> Self:
        names = ["training", "validation", *self.loss_names, *self.metrics]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"penalties, metrics: '{twice[0]}' is the name of a loss already; call it something else")
        return self

    @model_validator(mode="after")
    def _outputs_are_there(self) -> Self:
        there = self.predicting.outputs
        needed = {"loss": self.built_loss.needs} | self.further_needs
        needed |= {name: penalty.needs for name, penalty in self.built_penalties.items()}
        needed |= {name: metric.needs for name, metric in self.built_metrics.items()}
        for name, outputs in needed.items() if there else ():
            if missing := [output for output in outputs if output not in there]:
                raise ValueError(
                    f"{name} looks at {', '.join(missing)}, and the network has no such output: "
                    f"network {self.network.kind} has {', '.join(there)}"
                )
        told, classes = self.predicting.number_of_classes, self.built_loss.classes
        if there and told != classes:
            raise ValueError(
                f"loss {self.loss.kind} is of {classes or 'no'} classes, and "
                f"network {self.network.kind} tells {told or 'none'} apart"
            )
        return self

    @property
    def further_needs(self) -> dict[str, tuple[str, ...]]:
        """Outputs that something else looks at, by what does."""
        return {}

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

    @cached_property
    def built_metrics(self) -> dict[str, Loss]:
        """The metrics' kinds with their settings."""
        return {
            name: build("lineshape.engine.learning.losses", Loss, spec, ("metrics", name))
            for name, spec in self.metrics.items()
        }

    @property
    def metric_names(self) -> tuple[str, ...]:
        """As the job file names them."""
        return tuple(self.metrics)

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
        """The model, its network with its encoders, its loss, penalties and metrics, its sampler and its weight."""
        network = self.predicting
        judged = [self.built_loss, *self.built_penalties.values(), *self.built_metrics.values()]
        weight = filter(None, [self.weighed_by()])
        return [self, network, *network.encoders.values(), *judged, self.built_sampler, *weight]
