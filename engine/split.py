"""Which events are trained on, validated on and tested on, and what is learnt from them."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.digests import uniform
from lineshape.engine.settings import Settings

Fraction = Annotated[float, Field(gt=0, lt=1)]
SplitName = Literal["training", "validation", "test"]


class Split(Settings):
    """Who is trained, validated and tested on: decided for each event by a hash of its number.

    test: fraction of all events. validation: fraction of the others.
    """

    test: Fraction = 1 / 3
    validation: Fraction = 0.2

    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """For each split, whether an event belongs to it."""
        number = uniform(event, stream=0)
        test = number < self.test
        validation = ~test & (number < self.test + (1 - self.test) * self.validation)
        return {"training": ~test & ~validation, "validation": validation, "test": test}


class Target(Settings):
    """What models learn: a true quantity over a reconstructed one, and their estimate is the prediction times `per`.

    Without `per` it is the true quantity, or the label, itself.
    """

    truth: str
    per: str | None = None

    @property
    def columns(self) -> list[str]:
        """Those that it is made of."""
        return [self.truth, self.per] if self.per else [self.truth]
