"""Draw the same number of rows from each bin of a column, for each class."""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.equal_bins import bin_of, require_range
from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.learning.roles.sampler import TARGET, Draw, Sampler
from lineshape.engine.learning.roles.weight import require_labels


class FlatSampler(Sampler):
    """Sampler that draws anew in each epoch a fixed number of rows from each bin of `column` and each class.

    Rows are drawn without repetition where a bin has enough of them. Where it has not, each row is taken as often as
    the number allows, and the remainder is drawn without repetition. A bin without rows stays empty.

    Source: flat sampling of the tau muons' talk, 10,000 : 5,000 : 5,000 muons in each 5 GeV of pT.
    """

    column: str
    """Column in whose bins rows are drawn."""
    low: float
    """Lower edge of the first bin, in the column's unit. Rows below it count in the first bin."""
    high: float
    """Upper edge of the last bin, in the column's unit. Rows above it count in the last bin."""
    bins: Annotated[int, Field(gt=0)]
    """Number of equal bins between `low` and `high`."""
    classes: str | None = None
    """Column that numbers the classes; null for the target, which then must not be a vector."""
    rows: Annotated[int, Field(gt=0)] | dict[int, Annotated[int, Field(ge=0)]]
    """Rows drawn in an epoch from each bin, for each class: one number for all classes, or a number by class. With
    numbers by class, those that are not named, or have 0, are not drawn.
    """

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require_range(self.low, self.high)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the binned column and of the column of classes."""
        return (self.column, self.classes) if self.classes else (self.column,)

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Return a function that draws how often each row is seen: `rows` in all for every bin of a class.

        Raises RunError where a class has no rows, or a value is missing.
        """
        found = self._cells(columns, rows, required=True)
        cells = [(members, max(1, round(number * share))) for members, number in found]

        def repeats(random: np.random.Generator) -> NDArray[np.int64]:
            counts = np.zeros(rows, np.int64)
            for members, number in cells:
                whole, rest = divmod(number, len(members))
                counts[members] += whole
                counts[random.choice(members, rest, replace=False)] += 1
            return counts

        return repeats

    def expected(self, columns: Mapping[str, NDArray[np.float32]], rows: int) -> NDArray[np.float32] | None:
        """Return the number drawn of each row's bin and class over that of its rows, relative to the mean."""
        found = np.zeros(rows, np.float32)
        for members, number in self._cells(columns, rows, required=False):
            found[members] = number / len(members)
        return found / found.mean() if found.any() else None

    def _cells(
        self, columns: Mapping[str, NDArray[np.float32]], rows: int, required: bool
    ) -> list[tuple[NDArray[np.int64], int]]:
        """Return the rows of each bin of each class and the number to be drawn from them, without empty bins.

        required: whether each class must have rows. Raises RunError where one has none, or a value is missing.
        """
        if not self.classes and TARGET not in columns:
            raise RunError("flat sampling needs classes, and the target is a vector: name their column in 'classes'")
        values, labels = columns[self.column], columns[self.classes or TARGET]
        for name, column in ((self.column, values), (self.classes or "the target", labels)):
            if missing := int((~np.isfinite(column)).sum()):
                raise RunError(f"column {name}: {missing:,} of {rows:,} rows have no finite value to sample by")
        require_labels(self.classes or "of the target", labels)
        found = np.unique(labels)
        wanted = self.rows if isinstance(self.rows, dict) else {int(label): self.rows for label in found}
        empty = [str(label) for label in wanted if label not in found]
        if empty and required:
            raise RunError(
                f"{self.classes or 'the target'} has no rows of class {', '.join(empty)} to sample: "
                f"there are {listing(f'{label:g}' for label in found)}"
            )
        bins = bin_of(values, self.low, self.high, self.bins)
        return [
            (members, number)
            for label, number in wanted.items()
            if number
            for each in range(self.bins)
            if len(members := np.flatnonzero((labels == label) & (bins == each)))
        ]
