"""Define the base class of samplers, which decide how often each row is drawn in an epoch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings

#: Name of the target among the columns that a sampler receives.
TARGET = "(target)"
#: Function from an epoch's random generator to how often each of n rows is drawn; None where each is drawn once.
Draw = Callable[[np.random.Generator], NDArray[np.int64] | None]


def require_repeats(sampler: object, values: object, rows: int, whole: bool) -> None:
    """Raise RunError unless `values` holds, for each row, how often a sampler draws it: finite, not negative, (rows,).

    whole: the values must be integers, as they are counts of one epoch and not averages.
    """
    name = type(sampler).__name__
    if not (isinstance(values, np.ndarray) and values.shape == (rows,)):
        found = f"an array of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise RunError(f"sampler {name} gives {found} for {rows:,} rows: expected ({rows},), one number a row")
    if whole and not np.issubdtype(values.dtype, np.integer):
        raise RunError(f"sampler {name} gives numbers of type {values.dtype}: expected whole ones")
    if bad := int((~(np.isfinite(values) & (values >= 0))).sum()):
        raise RunError(f"sampler {name}: {bad:,} of {rows:,} rows are to be seen less than never, or NaN times")


class Sampler(Settings, ABC):
    """Base class of samplers; the order of the rows is random in any case."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that the sampler reads."""
        return ()

    @abstractmethod
    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Return the function that draws an epoch from these rows.

        columns: the columns in `columns`, and the TARGET unless it is a vector, each (rows,). share: fraction of all
        rows that these are.

        Raises RunError where there is nothing to draw.
        """

    def expected(self, columns: Mapping[str, NDArray[np.float32]], rows: int) -> NDArray[np.float32] | None:
        """Return how often each of these rows is drawn on average, relative to the mean; None where all are alike.

        These weight the validation rows, which are not drawn, so that the validation loss is of the same distribution
        as the training loss.
        """
        return None


#: Samplers, by kind.
SAMPLERS: Final = Role("sampler", "lineshape.engine.learning.samplers", Sampler, "models.*.sampler")
