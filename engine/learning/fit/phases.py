"""Define the phases of a training: which networks learn, from which losses, for how long."""

from typing import Annotated, Literal

from pydantic import Field

from lineshape.engine.core.settings import Names, Settings


class Step(Settings):
    """One update per batch: the weights of some networks are changed to lower a weighted sum of losses."""

    train: Annotated[Names, Field(min_length=1)]
    """Names of the networks that learn in this step."""
    losses: Annotated[dict[str, float], Field(min_length=1)]
    """Weight of each loss in the sum, by its name; a negative weight makes that loss grow."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Peak learning rate of this step; null: the model's."""
    every: Annotated[int, Field(gt=0)] = 1
    """Number of batches per update: with 2, the step is done for every second batch."""


class Phase(Settings):
    """Epochs in which the same steps are done, one after the other, with each batch."""

    epochs: Annotated[int, Field(gt=0)]
    """Largest number of epochs of this phase; with `keep: best` the model's `patience` may end it earlier."""
    steps: Annotated[list[Step], Field(min_length=1)]
    """Steps that are done with each batch, in this order."""
    keep: Literal["best", "last"] = "best"
    """Weights that the phase ends with: of the best epoch, or of the last, as for networks that are adversaries."""
    watch: dict[str, float] = {}
    """Weights of the losses whose sum on the validation split decides which epoch is best.

    Empty: those of the last step.
    """

    @property
    def watched(self) -> dict[str, float]:
        """Weights of the losses whose sum decides which epoch is best."""
        return self.watch or self.steps[-1].losses

    @property
    def names(self) -> set[str]:
        """Names of all losses that the phase uses."""
        return {name for step in self.steps for name in step.losses} | set(self.watched)
