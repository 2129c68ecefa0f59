"""Vary the scale of columns: energies, momenta."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from lineshape.engine.core.settings import Names
from lineshape.engine.variations.amount import Amount, contents_of, evaluated
from lineshape.engine.variations.columns import MissingMomentum, altered, read, scaled
from lineshape.engine.variations.variation import Direction, Variation

if TYPE_CHECKING:
    import numpy as np


class ScaleVariation(Variation):
    """Multiplication of columns that the processor reads by a factor."""

    columns: Annotated[Names, Field(min_length=1)]
    """Columns that the processor reads, which are multiplied; of whole events as Jet.pt."""
    up: Amount
    """Factor: a number (1.02), a column that has it for each value or event, or a correction of correctionlib."""
    down: Amount | None = None
    """The same for the other direction."""
    missing_momentum: MissingMomentum | None = None
    """Missing momentum that takes the opposite of the change; null: it stays as it is."""

    changes_events: ClassVar[bool] = True

    @model_validator(mode="after")
    def _follows_what_is_changed(self) -> Self:
        if self.missing_momentum and self.missing_momentum.of not in self.columns:
            raise ValueError(f"missing_momentum.of: '{self.missing_momentum.of}' is not among the columns that change")
        return self

    def reads(self) -> list[str]:
        """Return the columns that are changed, and those of the factor."""
        return read(self.columns, self.missing_momentum, self.up, self.down)

    def alters(self) -> list[str]:
        """Return the columns that are changed."""
        return altered(self.columns, self.missing_momentum)

    def source(self) -> list[str]:
        """Return digests of the files of corrections."""
        return contents_of(self.up, self.down)

    def changed(self, events: Any, direction: Direction, chance: "np.random.Generator") -> Any:
        """Return the events with the columns multiplied."""
        amount = self.up if direction == "up" or self.down is None else self.down
        return scaled(events, self.columns, evaluated(amount, events), self.missing_momentum)
