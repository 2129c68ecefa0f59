"""Vary the rate of samples."""

from typing import Annotated

from pydantic import Field

from lineshape.engine.core.settings import Names
from lineshape.engine.variations.variation import Direction, JobValues, Variation


class RateVariation(Variation):
    """Multiplication of all weights of samples by a number, such as the uncertainty of a cross-section."""

    samples: Annotated[Names, Field(min_length=1)]
    """Samples whose rate is changed."""
    up: Annotated[float, Field(gt=0)]
    """Factor, such as 1.05."""
    down: Annotated[float, Field(gt=0)] | None = None
    """The same for the other direction."""

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words with other scales of the samples."""
        factor = self.up if direction == "up" or self.down is None else self.down
        samples = {
            name: each | {"scale": each.get("scale", 1.0) * factor} if name in self.samples else each
            for name, each in values["samples"].items()
        }
        return dict(values) | {"samples": samples}
