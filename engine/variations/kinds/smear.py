"""Vary the resolution of columns."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from lineshape.engine.core.errors import ProcessorError
from lineshape.engine.core.settings import Names
from lineshape.engine.variations.amount import Amount, column_of, contents_of, evaluated
from lineshape.engine.variations.columns import MissingMomentum, added, altered, read, scaled
from lineshape.engine.variations.variation import Direction, Variation

if TYPE_CHECKING:
    import numpy as np


class SmearVariation(Variation):
    """Multiplication of columns by 1 + width × a normal random number, the same for all columns of an object.

    With `absolute` width × the number is added instead. Both directions draw the same numbers, of the job's seed, the
    chunk and the variation's name.
    """

    columns: Annotated[Names, Field(min_length=1)]
    """Columns that the processor reads, which are smeared; of whole events as Jet.pt."""
    up: Amount
    """Width: a number (0.05), a column that has it for each value or event, or a correction."""
    down: Amount | None = None
    """The same for the other direction, as resolutions mostly become worse alone; null beside `symmetrise: true`."""
    absolute: bool = False
    """Whether the width is in the columns' own unit, as of impact parameters, which are around zero; false: it is
    relative.
    """
    missing_momentum: MissingMomentum | None = None
    """Missing momentum that takes the opposite of the change; null: it stays as it is."""

    changes_events: ClassVar[bool] = True

    @model_validator(mode="after")
    def _widths_are_not_negative(self) -> Self:
        if bad := [each for each in (self.up, self.down) if isinstance(each, float) and each < 0]:
            raise ValueError(f"a width of {bad[0]:g} is below zero: expected one of at least 0")
        return self

    def reads(self) -> list[str]:
        """Return the columns that are changed, and those of the width."""
        return read(self.columns, self.missing_momentum, self.up, self.down)

    def alters(self) -> list[str]:
        """Return the columns that are changed."""
        return altered(self.columns, self.missing_momentum)

    def source(self) -> list[str]:
        """Return digests of the files of corrections."""
        return contents_of(self.up, self.down)

    def changed(self, events: Any, direction: Direction, chance: "np.random.Generator") -> Any:
        """Return the events with the columns smeared."""
        import awkward as ak

        width = evaluated(self.up if direction == "up" or self.down is None else self.down, events)
        if ak.any(ak.flatten(ak.Array([width]) if isinstance(width, float) else width, axis=None) < 0):
            raise ProcessorError("the width of a smearing is below zero: expected one of at least 0")
        like = column_of(events, self.columns[0])
        number = int(ak.count(like, axis=None))
        drawn = chance.standard_normal(number)
        normal = ak.unflatten(drawn, ak.num(like)) if like.ndim > 1 else ak.Array(drawn)
        if self.absolute:
            return added(events, self.columns, width * normal, self.missing_momentum)
        return scaled(events, self.columns, 1 + width * normal, self.missing_momentum)
