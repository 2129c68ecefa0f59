"""Vary the weights of events."""

from lineshape.engine.core.settings import Names
from lineshape.engine.variations.variation import Direction, JobValues, Variation


class WeightVariation(Variation):
    """Other columns in the job's weight: the same rows, which are filled once more."""

    up: str
    """Column, of those that the processor makes, that is multiplied into the weight."""
    down: str | None = None
    """The same for the other direction."""
    replaces: Names = []
    """Columns of the job's `weight.columns` that it takes the place of; empty: it is one factor more."""

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words with the column in its weight."""
        weight = dict(values.get("weight") or {})
        kept = [name for name in weight.get("columns", []) if name not in self.replaces]
        column = self.up if direction == "up" or self.down is None else self.down
        return dict(values) | {"weight": weight | {"columns": [*kept, column]}}
