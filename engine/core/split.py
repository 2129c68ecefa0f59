"""Divide events into training, validation and test, once or in folds, and define the target that models learn."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.digests import uniform
from lineshape.engine.core.settings import Settings

Fraction = Annotated[float, Field(gt=0, lt=1)]
SplitName = Literal["training", "validation", "test"]


#: Number of folds that is needed: one is tested, one is for validation, and the others are for training.
FEWEST_FOLDS: Final = 3


class Division(Settings, ABC):
    """A division of events into training, validation and test, decided for each event by a hash of its number."""

    @abstractmethod
    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """Return, for each split, a mask of the events that belong to it."""

    def untrained(self, event: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return a mask of the events of which predictions come from a model that was not trained on them."""
        return ~self.of(event)["training"]


class Split(Division):
    """The division of events into training, validation and test, decided for each event by a hash of its number."""

    test: Fraction = 1 / 3
    """Fraction of all events in the test split."""
    validation: Fraction = 0.2
    """Fraction of the events outside the test split that are used for validation; the rest are for training."""

    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """Return, for each split, a mask of the events that belong to it."""
        number = uniform(event, stream=0)
        test = number < self.test
        validation = ~test & (number < self.test + (1 - self.test) * self.validation)
        return {"training": ~test & ~validation, "validation": validation, "test": test}


class Folds(Division):
    """The division of events into folds, of which each is tested, used for validation and trained on, in turn.

    All events belong to every split, as each is predicted by another model in each: see `model_of`.
    """

    folds: Annotated[int, Field(ge=FEWEST_FOLDS)]
    """Number of folds, of about equal size; there are as many models, numbered as the folds they are tested on."""

    def fold_of(self, event: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the fold of each event, from 0."""
        return (uniform(event, stream=0) * self.folds).astype(np.int64)

    def model_of(self, event: NDArray[np.uint64], split: SplitName) -> NDArray[np.int64]:
        """Return which model's split each event belongs to: of several that trained on it, always the same one."""
        step = {"test": 0, "validation": -1, "training": 1}[split]
        return (self.fold_of(event) + step) % self.folds

    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """Return, for each split, a mask of all events."""
        return {split: np.ones(len(event), dtype=bool) for split in ("training", "validation", "test")}

    def untrained(self, event: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return a mask of all events: each is predicted by a model that was not trained on it."""
        return np.ones(len(event), dtype=bool)


class Fold(Division):
    """The division of events by which the model of one fold is trained."""

    folds: Annotated[int, Field(ge=FEWEST_FOLDS)]
    """Number of folds."""
    fold: Annotated[int, Field(ge=0)]
    """Fold that is the test split, from 0; the next one is the validation split, and all others are trained on."""

    def of(self, event: NDArray[np.uint64]) -> dict[SplitName, NDArray[np.bool_]]:
        """Return, for each split, a mask of the events that belong to it."""
        of = Folds(folds=self.folds).fold_of(event)
        test, validation = of == self.fold, of == (self.fold + 1) % self.folds
        return {"training": ~test & ~validation, "validation": validation, "test": test}


#: A division as it is read from a record.
AnyDivision = Split | Fold | Folds


class Target(Settings):
    """The quantity that models learn: a true one, divided by a reconstructed one where `per` is given.

    A model's estimate is then its prediction times `per`.
    """

    truth: str | Annotated[tuple[str, ...], Field(min_length=2)]
    """Column of the true quantity or label; or two or more columns, the components of a vector.
    For a vector, estimates have shape (n, components).
    """
    per: str | None = None
    """Reconstructed column that the truth is divided by. Null: the target is the true quantity, or the label, itself.
    A vector cannot be divided.
    """

    @model_validator(mode="after")
    def _a_vector_stands_alone(self) -> Self:
        if self.per and not isinstance(self.truth, str):
            raise ValueError(f"per: a target of several columns ({', '.join(self.truth)}) is not divided; leave it out")
        return self

    @property
    def truths(self) -> tuple[str, ...]:
        """Columns of the true quantity, or of its components."""
        return (self.truth,) if isinstance(self.truth, str) else self.truth

    @property
    def columns(self) -> list[str]:
        """Names of all columns that the target is made of."""
        return [*self.truths, self.per] if self.per else [*self.truths]

    def of(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the target computed from columns: (n,), or (n, components) for a vector."""
        values = [np.asarray(columns[name], dtype=np.float64) for name in self.truths]
        truth = values[0] if len(values) == 1 else np.stack(values, axis=1)
        return truth / columns[self.per] if self.per else truth
