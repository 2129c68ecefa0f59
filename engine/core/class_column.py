"""Columns that number the class of each row, by the sample that it is of and by conditions on its other columns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError
from lineshape.engine.core.row_selection import Part
from lineshape.engine.core.settings import Name, Settings


class ClassColumn(Settings):
    """A column with the number of each row's class, computed when rows are read; NaN for rows of no class."""

    parts: dict[Name, Part]
    """Rows of each class, in the order of the classes' numbers from 0."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns that decide."""
        return list(dict.fromkeys(name for part in self.parts.values() for name in part.where))

    def reads(self, _: str) -> list[str]:
        """Return the columns that are read of a sample: those that decide."""
        return self.columns

    def metadata(self, name: str) -> Column:
        """Return the column's metadata, as processors declare theirs."""
        return Column(name, "", -0.5, len(self.parts) - 0.5, len(self.parts))

    def samples(self, there: list[str]) -> list[str]:
        """Return the samples, of these, that have rows of any class."""
        return [name for name in there if any(not part.samples or name in part.samples for part in self.parts.values())]

    def classes_in(self, samples: list[str]) -> list[str]:
        """Return the classes that rows of some samples may be of."""
        return [
            name
            for name, part in self.parts.items()
            if not part.samples or any(each in part.samples for each in samples)
        ]

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.float32]:
        """Return the numbers of the classes of a sample's rows, (rows,).

        Raises DataError where a row is of two classes.
        """
        masks = np.array([part.of(sample, columns, rows) for part in self.parts.values()]).reshape(-1, rows)
        if (twice := masks.sum(axis=0) > 1).any():
            both = [name for name, mask in zip(self.parts, masks, strict=True) if mask[twice.argmax()]]
            raise DataError(
                f"{int(twice.sum()):,} of {rows:,} rows of sample {sample} are of two classes, such as "
                f"{' and '.join(both)}: expected conditions that exclude one another"
            )
        return np.where(masks.any(axis=0), masks.argmax(axis=0), np.nan).astype(np.float32)
