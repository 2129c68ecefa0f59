"""What a sampler is: settings that say how often each row is seen in an epoch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.settings import Settings

#: Name of the target among the columns that a sampler is given.
TARGET = "(target)"
#: From random numbers of an epoch to how often each of n rows is seen in it; None where each is seen once.
Draw = Callable[[np.random.Generator], NDArray[np.int64] | None]


def require_repeats(sampler: object, values: object, rows: int, whole: bool) -> None:
    """Raise RunError where a sampler does not say of each row how often it is seen.

    whole: in an epoch, not on average.
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
    """A kind of sampler. The order of the rows is random in any case."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that it looks at."""
        return ()

    @abstractmethod
    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """How an epoch is drawn from these rows.

        columns: those it asked for, and the TARGET unless that is a vector, each (rows,). share: of all rows, which
        these are one part of.

        Raises RunError where there is nothing to draw.
        """

    def expected(self, columns: Mapping[str, NDArray[np.float32]], rows: int) -> NDArray[np.float32] | None:
        """How often each of these rows is seen in an epoch on average, relative to the mean; None where all are alike.

        The validation rows, which are not drawn, are weighed so: a training is judged on what it learns from.
        """
        return None
