"""Offset and scale of a network's inputs and of its target; they are part of the network's graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """(value − offset) / scale, one of each for each column."""

    offset: Floats
    scale: Floats


def standard(values: Floats) -> Affine:
    """Mean and standard deviation of each column of (n, columns)."""
    return _usable(values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64))


def robust(values: Floats) -> Affine:
    """Median and half the width of the central 68 % of each column: what a long tail cannot move."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84], axis=0)
    return _usable(middle, (high - low) / 2)


def _usable(offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Affine:
    return Affine(offset.astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32))
