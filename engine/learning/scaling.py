"""Scaling of a network's inputs and of its target; it is part of the network's graph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """(value − offset) / scale, one of each for each column."""

    offset: Floats
    scale: Floats


@dataclass(frozen=True)
class Scaling:
    """Scaling of each column; where `logarithm` says so, log(1 + value) is taken first (negative values count as 0)."""

    affine: Affine
    logarithm: NDArray[np.bool_]


def logarithm(values: Floats) -> Floats:
    """log(1 + value), negative values counted as 0: for momenta, whose ratios matter, and for long tails."""
    return np.log1p(np.maximum(values, 0))


def standard(values: Floats) -> Affine:
    """Mean and standard deviation of each column of (n, columns)."""
    return _usable(values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64))


def robust(values: Floats) -> Affine:
    """Median and half the width of the central 68 % of each column: what a long tail cannot move."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84], axis=0)
    return _usable(middle, (high - low) / 2)


def _usable(offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Affine:
    return Affine(offset.astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32))
