"""Equal bins of a range, as settings give them by `low`, `high` and `bins`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def require_range(low: float, high: float) -> None:
    """Raise ValueError where the lower edge of a range is not below the upper one."""
    if low >= high:
        raise ValueError(f"low ({low:g}) must be less than high ({high:g})")


def bin_of(values: NDArray[Any], low: float, high: float, bins: int) -> NDArray[np.int64]:
    """Return the number of each value's bin, from 0; values outside the range are counted in the first or last bin."""
    return ((values - low) / ((high - low) / bins)).astype(np.int64).clip(0, bins - 1)


def within_range(values: NDArray[Any], low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Return values, those of the outer of equal bins, and outside their range, moved to the centres of these bins.

    A value next to the upper edge may be rounded to it when its bin is computed, and would be in none.
    """
    half = (high - low) / bins / 2
    return np.asarray(values, dtype=np.float64).clip(low + half, high - half)
