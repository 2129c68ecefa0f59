"""Draw rows with probabilities in proportion to a column."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.roles.sampler import Draw, Sampler


class Weighted(Sampler):
    """Sampler that draws rows anew in each epoch, with repetition, with probabilities in proportion to `column`."""

    column: str
    """Column of the weights, which must be finite and not negative, and not all zero."""
    rows: Annotated[int, Field(gt=0)] | None = None
    """Rows drawn in an epoch; null for as many as there are."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of the column of weights."""
        return (self.column,)

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Return a function that draws how often each row is seen from a multinomial distribution.

        Raises RunError where a weight is negative or missing, or all are zero.
        """
        weight = self._weights(columns, rows)
        if not weight.any():
            raise RunError(f"column {self.column}: a sampler's weights are zero in all {rows:,} rows")
        edges = weight.cumsum() / weight.sum()
        number = round(self.rows * share) if self.rows else rows

        def repeats(random: np.random.Generator) -> NDArray[np.int64]:
            drawn = edges.searchsorted(random.random(number), side="right").clip(max=rows - 1)
            return np.bincount(drawn, minlength=rows)

        return repeats

    def expected(self, columns: Mapping[str, NDArray[np.float32]], rows: int) -> NDArray[np.float32] | None:
        """Return the weights over their mean; None where all are zero."""
        self._weights(columns, rows)
        weight = columns[self.column]
        return weight / weight.mean() if weight.any() else None

    def _weights(self, columns: Mapping[str, NDArray[np.float32]], rows: int) -> NDArray[np.float64]:
        """Return the column; raise RunError where a weight is negative or missing."""
        weight = columns[self.column].astype(np.float64)
        if bad := int((~(np.isfinite(weight) & (weight >= 0))).sum()):
            raise RunError(
                f"column {self.column}: a sampler's weights must be finite and not negative; "
                f"there are {bad:,} of {rows:,} that are negative or missing"
            )
        return weight
