"""Compute the scaling of a network's inputs and target, which is part of the network's graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """Affine scaling (value − offset) / scale, with one offset and scale per column."""

    offset: Floats
    scale: Floats

    @classmethod
    def unit(cls, columns: int) -> "Affine":
        """Return the identity for this number of columns."""
        return cls(np.zeros(columns, np.float32), np.ones(columns, np.float32))


@dataclass(frozen=True)
class Scaling:
    """Scaling of each column; where `logarithm` is set, log(1 + value) is taken first (negative values count as 0)."""

    affine: Affine
    logarithm: NDArray[np.bool_]

    @classmethod
    def unit(cls, columns: int) -> "Scaling":
        """Return the identity for this number of columns."""
        return cls(Affine.unit(columns), np.zeros(columns, bool))


@dataclass(frozen=True)
class Scalings:
    """Scalings that a network is built with: of its features, its target, and the columns of each kind of list."""

    features: Scaling
    target: Affine
    sequences: dict[str, Scaling]


def logarithm(values: Floats) -> Floats:
    """Return log(1 + value), negative values counted as 0: for momenta, whose ratios matter, and for long tails."""
    return np.log1p(np.maximum(values, 0))


def standard(values: Floats) -> Affine:
    """Return mean and standard deviation of each column of (n, columns)."""
    return _usable(values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64))


def robust(values: Floats) -> Affine:
    """Return median and half the width of the central 68 % of each column, which a long tail does not affect."""
    low, middle, high = np.quantile(values, [0.16, 0.5, 0.84], axis=0)
    return _usable(middle, (high - low) / 2)


#: Kinds of scaling: by mean and standard deviation, by quantiles, or of the logarithm by mean and standard deviation.
SCALINGS: dict["Kind", Callable[[Floats], Affine]] = {
    "standard": standard,
    "robust": robust,
    "logarithm": lambda values: standard(logarithm(values)),
}
Kind = Literal["standard", "robust", "logarithm"]
Chosen = Mapping[Kind, list[str] | Literal["all"]]


def chosen_scaling(values: Floats, columns: Sequence[str], chosen: Chosen) -> Scaling:
    """Return the scaling of (n, columns), of each kind for the columns named; a column not named is left as it is."""
    unit = Scaling.unit(len(columns))
    offset, scale, logarithms = unit.affine.offset, unit.affine.scale, unit.logarithm
    for kind, names in chosen.items():
        found = SCALINGS[kind](values)
        these = np.array([names == "all" or name in names for name in columns])
        offset, scale = np.where(these, found.offset, offset), np.where(these, found.scale, scale)
        logarithms = np.where(these, kind == "logarithm", logarithms)
    return Scaling(Affine(offset, scale), logarithms)


def _usable(offset: NDArray[np.float64], scale: NDArray[np.float64]) -> Affine:
    return Affine(offset.astype(np.float32), np.where(scale > 0, scale, 1.0).astype(np.float32))
