"""Vary the rate of samples."""

from typing import Annotated

from pydantic import Field

from lineshape.engine.core.row_selection import Condition, Range
from lineshape.engine.variations.variation import Direction, JobValues, Variation


class RateVariation(Variation):
    """Multiplication of weights by a number, such as the uncertainty of a cross-section or a branching fraction."""

    where: dict[str, Condition] = {}
    """Conditions on columns of the feature store, a range (`low`, `high`), an allowed value or a list of these, that
    rows must meet; empty: all rows.
    """
    up: Annotated[float, Field(gt=0)]
    """Factor, such as 1.05."""
    down: Annotated[float, Field(gt=0)] | None = None
    """The same for the other direction."""

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words with other scales of the samples, or of some of their rows."""
        factor = self.up if direction == "up" or self.down is None else self.down
        if self.where:
            weight = dict(values.get("weight") or {})
            where = {name: each.model_dump() if isinstance(each, Range) else each for name, each in self.where.items()}
            scaled = [*weight.get("scaled", []), {"samples": self.samples, "where": where, "by": factor}]
            return dict(values) | {"weight": weight | {"scaled": scaled}}
        samples = {
            name: each | {"scale": each.get("scale", 1.0) * factor}
            if not self.samples or name in self.samples
            else each
            for name, each in values["samples"].items()
        }
        return dict(values) | {"samples": samples}
