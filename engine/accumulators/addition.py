"""Add accumulators as coffea does, in order, with the place of what cannot be added."""

from collections.abc import MutableMapping, MutableSet, Sequence
from typing import Any

import awkward as ak
import boost_histogram
import numpy as np

from lineshape.engine.accumulators.encoding import place_of
from lineshape.engine.core.errors import RunError, plainly


def added(total: Any, other: Any, path: tuple[str, ...] = ()) -> Any:
    """Return the sum of two accumulators, the first of which may be changed and the second not be used again.

    Dictionaries are added key by key, in the order in which keys first appeared. Raises RunError with the place where
    two values cannot be added.
    """
    if isinstance(total, MutableMapping) and isinstance(other, MutableMapping):
        if not isinstance(other, type(total)):
            raise _unlike(total, other, path)
        for key, value in other.items():
            total[key] = added(total[key], value, (*path, repr(key))) if key in total else value
        return total
    if isinstance(total, MutableSet) and isinstance(other, MutableSet):
        total |= other
        return total
    if type(total) is not type(other) and not _are_numbers(total, other):
        raise _unlike(total, other, path)
    if isinstance(total, np.ndarray) and not _are_numbers(total, other) and total.shape != other.shape:
        raise RunError(
            f"{place_of(path)}: arrays of shape {total.shape} in one chunk and {other.shape} in another are not added: "
            "expected the same; columns that grow are a column_accumulator"
        )
    try:
        # Awkward arrays are not added in place, nor numbers of another type; the sum of arrays without dimensions is a
        # number.
        if isinstance(total, ak.Array) or _is_point(total) or _has_other_numbers(total, other):
            return total + other
        total += other
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(total, boost_histogram.Histogram) and tuple(total.axes) != tuple(other.axes):
            raise RunError(
                f"{place_of(path)}: histograms of other axes cannot be added: {_axes(total)} in one chunk, "
                f"{_axes(other)} in another; expected the same of all chunks"
            ) from error
        raise RunError(f"{place_of(path)}: values of two chunks cannot be added: {plainly(error)}") from error
    return total


def _axes(histogram: Any) -> str:
    return ", ".join(f"{axis!r:.80}" for axis in histogram.axes)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float | complex | np.number | np.bool_) or _is_point(value) for value in values)


def _has_other_numbers(total: Any, other: Any) -> bool:
    """Return whether two arrays are of other types, whose sum may be of neither."""
    return isinstance(total, np.ndarray) and isinstance(other, np.ndarray) and total.dtype != other.dtype


def _is_point(value: Any) -> bool:
    """Return whether a value is an array without dimensions."""
    return isinstance(value, np.ndarray) and not value.ndim


def _unlike(total: Any, other: Any, path: Sequence[str]) -> RunError:
    return RunError(
        f"{place_of(path)}: a {type(total).__name__} in one chunk and a {type(other).__name__} in another cannot be "
        "added: expected the same type of all chunks"
    )
