"""Phases of a training: which networks learn, from which losses, for how long."""

from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.settings import Names, Settings


class Step(Settings):
    """What is done with a batch: the losses' weighted sum is lowered by changing the weights of some networks.

    train: names of the networks that learn. losses: weight of each loss; a negative one makes it grow. rate: the
    highest learning rate, by default the model's. every: batches after which it is done.
    """

    train: Annotated[Names, Field(min_length=1)]
    losses: Annotated[dict[str, float], Field(min_length=1)]
    rate: Annotated[float, Field(gt=0)] | None = None
    every: Annotated[int, Field(gt=0)] = 1


class Phase(Settings):
    """Some epochs in which the same steps are done, one after the other, with each batch.

    keep: the weights of the best epoch, or of the last, as where networks work against each other. watch: the losses
    whose weighted sum says which is best; by default those of the last step.
    """

    epochs: Annotated[int, Field(gt=0)]
    steps: Annotated[list[Step], Field(min_length=1)]
    keep: Literal["best", "last"] = "best"
    watch: dict[str, float] = {}

    @property
    def watched(self) -> dict[str, float]:
        """The losses that are watched."""
        return self.watch or self.steps[-1].losses

    @property
    def names(self) -> set[str]:
        """All losses that are asked for."""
        return {name for step in self.steps for name in step.losses} | set(self.watched)
