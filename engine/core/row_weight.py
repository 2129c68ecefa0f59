"""The weight of each row in all figures: a product of columns and of a factor of its sample."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError
from lineshape.engine.core.row_selection import Part
from lineshape.engine.core.settings import Name, Names, Settings

#: Name of the weight among the columns of a feature store, which no column of a file can have.
EVENT_WEIGHT: Final = "(event weight)"


class ScaledRows(Part):
    """Rows whose weights are multiplied: of some samples, under conditions."""

    by: float
    """Factor of their weights."""


class RowWeight(Settings):
    """The weight of each row, computed when rows are read."""

    columns: Names = []
    """Columns that are multiplied."""
    factors: dict[Name, float] = {}
    """Factor of each sample."""
    bare: Names = []
    """Samples, such as data, whose weight is their factor alone."""
    scaled: list[ScaledRows] = []
    """Rows whose weights are multiplied further."""

    def reads(self, sample: str) -> list[str]:
        """Return the columns that are read of a sample."""
        return [] if sample in self.bare else self.needed

    @property
    def needed(self) -> list[str]:
        """Columns that weights are computed from."""
        conditions = [name for part in self.scaled for name in part.where]
        return list(dict.fromkeys([*self.columns, *conditions]))

    def metadata(self, _: str) -> Column:
        """Return the column's metadata, as processors declare theirs."""
        return Column("Weight of the event", "", -1.0, 1.0)

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float64]:
        """Return the weights of a sample's rows, (rows,).

        Raises DataError where a column is not finite, or a column of lists.
        """
        found = np.full(rows, self.factors.get(sample, 1.0))
        for name in [] if sample in self.bare else self.columns:
            values = columns[name]
            if not isinstance(values, np.ndarray):
                raise DataError(f"weight: column {name} has a list in each row: expected one number")
            bad = ~np.isfinite(values)
            if bad.any():
                raise DataError(
                    f"weight: column {name} of sample {sample} is {values[bad.argmax()]} in {int(bad.sum()):,} of "
                    f"{rows:,} rows of a shard: expected finite numbers; leave such events out in the processor"
                )
            found *= values
        for part in [] if sample in self.bare else self.scaled:
            found[part.of(sample, columns, rows)] *= part.by
        return found
