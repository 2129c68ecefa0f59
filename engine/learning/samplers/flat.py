"""As many rows in each bin of a column, for each class."""

from collections.abc import Mapping
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.learning.roles.sampler import TARGET, Draw, Sampler
from lineshape.engine.learning.roles.weight import require_labels


class FlatSampler(Sampler):
    """Each epoch draws anew, from each bin of `column` and each class, the same number of rows.

    Rows are drawn without repetition where a bin has enough of them; where it is short each is taken as often as it
    goes, and the rest is drawn. low, high, bins: of the column; what is below or above falls into the first or the last
    bin. classes: the column that numbers the classes, by default the target. rows: of each bin, for each class (a
    number for all of them, or one by class).

    Source: flat sampling of the tau muons' talk, 10,000 : 5,000 : 5,000 muons in each 5 GeV of pT.
    """

    column: str
    low: float
    high: float
    bins: Annotated[int, Field(gt=0)]
    classes: str | None = None
    rows: Annotated[int, Field(gt=0)] | dict[int, Annotated[int, Field(ge=0)]]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be less than high ({self.high:g})")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of the bins and that of the classes."""
        return (self.column, self.classes) if self.classes else (self.column,)

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Repeats that make every bin of every class the same.

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
        """In each cell the number that is drawn over that of its rows."""
        found = np.zeros(rows, np.float32)
        for members, number in self._cells(columns, rows, required=False):
            found[members] = number / len(members)
        return found / found.mean() if found.any() else None

    def _cells(
        self, columns: Mapping[str, NDArray[np.float32]], rows: int, required: bool
    ) -> list[tuple[NDArray[np.int64], int]]:
        """The rows of each bin of each class, and how many are drawn of them. required: whether each class has some."""
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
        widths = (self.high - self.low) / self.bins
        bins = ((values - self.low) / widths).astype(np.int64).clip(0, self.bins - 1)
        return [
            (members, number)
            for label, number in wanted.items()
            if number
            for each in range(self.bins)
            if len(members := np.flatnonzero((labels == label) & (bins == each)))
        ]
