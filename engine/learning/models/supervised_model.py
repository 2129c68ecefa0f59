"""Define the base class of models whose network is compared with the target: network, loss, penalties and metrics."""

from abc import ABC
from functools import cached_property
from typing import Annotated, Self

from pydantic import model_validator

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.roles.loss import LOSSES, Loss
from lineshape.engine.learning.roles.network import NETWORKS, Network
from lineshape.engine.learning.roles.penalty import PENALTIES, Penalty


class SupervisedModel(NetworkModel, ABC):
    """Base class of models with a network whose outputs are compared with the target by a loss."""

    network: Annotated[KindSpec, NETWORKS]
    """Network that predicts."""
    loss: Annotated[KindSpec, LOSSES]
    """Loss, which compares the network's outputs with the target."""
    penalties: dict[str, Annotated[KindSpec, PENALTIES]] = {}
    """Penalties by name, each added to the loss times its strength; empty: none."""
    metrics: dict[str, Annotated[KindSpec, LOSSES]] = {}
    """Losses by name that nothing learns from, reported for the validation split after each epoch; empty: none."""

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
                f"network {self.network.kind} separates {told or 'none'}"
            )
        return self

    @property
    def further_needs(self) -> dict[str, tuple[str, ...]]:
        """Outputs that something besides losses, penalties and metrics uses, by the name of the latter."""
        return {}

    @cached_property
    def predicting(self) -> Network:
        """Network that is built from its settings."""
        return NETWORKS.build(self.network, ("network",))

    @cached_property
    def built_loss(self) -> Loss:
        """Loss that is built from its settings."""
        return LOSSES.build(self.loss, ("loss",))

    @cached_property
    def built_penalties(self) -> dict[str, Penalty]:
        """Penalties by name, built from their settings."""
        return {name: PENALTIES.build(spec, ("penalties", name)) for name, spec in self.penalties.items()}

    @cached_property
    def built_metrics(self) -> dict[str, Loss]:
        """Metrics by name, built from their settings."""
        return {name: LOSSES.build(spec, ("metrics", name)) for name, spec in self.metrics.items()}

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, as in the job file."""
        return tuple(self.metrics)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses, for phases: `loss` and the penalties."""
        return ("loss", *self.penalties)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """Columns besides the features that losses read: those of the penalties."""
        return tuple(dict.fromkeys(name for penalty in self.built_penalties.values() for name in penalty.columns))

    @property
    def classes(self) -> int | None:
        """Number of classes of the loss, None where the target is a quantity."""
        return self.built_loss.classes

    @property
    def strengths(self) -> dict[str, float]:
        """Weight of each loss in their sum: 1 of `loss`, its strength of a penalty."""
        return {"loss": 1.0} | {name: penalty.strength for name, penalty in self.built_penalties.items()}

    def parts(self) -> list[object]:
        """Return the model, its network and encoders, its loss, penalties and metrics, its sampler and its weight."""
        network = self.predicting
        judged = [self.built_loss, *self.built_penalties.values(), *self.built_metrics.values()]
        weight = filter(None, [self.weighed_by()])
        return [self, network, *network.encoders.values(), *judged, self.built_sampler, *weight]
