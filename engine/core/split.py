"""Which events are trained on, validated on and tested on, and what is learnt from them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.digests import uniform
from lineshape.engine.core.settings import Settings

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

    Without `per` it is the true quantity, or the label, itself. truth may be several columns, the components of a
    vector: estimates of it are (n, components).
    """

    truth: str | Annotated[tuple[str, ...], Field(min_length=2)]
    per: str | None = None

    @model_validator(mode="after")
    def _a_vector_stands_alone(self) -> Self:
        if self.per and not isinstance(self.truth, str):
            raise ValueError(f"per: a target of several columns ({', '.join(self.truth)}) is not divided; leave it out")
        return self

    @property
    def truths(self) -> tuple[str, ...]:
        """The true quantity, or its components."""
        return (self.truth,) if isinstance(self.truth, str) else self.truth

    @property
    def columns(self) -> list[str]:
        """Those that it is made of."""
        return [*self.truths, self.per] if self.per else [*self.truths]

    def of(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(n,), or (n, components), of these columns."""
        values = [np.asarray(columns[name], dtype=np.float64) for name in self.truths]
        truth = values[0] if len(values) == 1 else np.stack(values, axis=1)
        return truth / columns[self.per] if self.per else truth
