"""Measure the memory of an accumulator: what stays as it is when chunks are added, and what grows with their number."""

import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import boost_histogram
import numpy as np
from coffea.processor import column_accumulator, value_accumulator

from lineshape.engine.accumulators.encoding import place_of

#: Number of members of a set or list that are looked at.
_LOOK = 100


@dataclass
class Sizes:
    """Bytes of an accumulator.

    fixed: of histograms, numbers and arrays, which are added bin by bin. growing: of sets, lists, texts and columns, by
    their place, which are as large as all chunks have together.
    """

    fixed: float = 0.0
    growing: dict[str, float] = field(default_factory=dict)


def sizes_of(value: Any) -> Sizes:
    """Return the sizes of an accumulator."""
    found = Sizes()
    _measure(value, (), found)
    return found


def _measure(value: Any, path: tuple[str, ...], found: Sizes) -> None:
    if isinstance(value, Mapping):
        found.fixed += sys.getsizeof(value)
        for key, each in value.items():
            _measure(each, (*path, repr(key)), found)
    elif isinstance(value, boost_histogram.Histogram):
        found.fixed += value.view(flow=True).nbytes
    elif isinstance(value, np.ndarray):
        found.fixed += value.nbytes
    elif isinstance(value, value_accumulator):
        _measure(value.value, path, found)
    elif isinstance(value, column_accumulator):
        _grows(value.value.nbytes, path, found)
    elif isinstance(value, ak.Array):
        found.fixed += value.nbytes
    elif isinstance(value, Set | list | tuple):
        some = [each for each, _ in zip(value, range(_LOOK), strict=False)]
        each = sum(map(sys.getsizeof, some)) / len(some) if some else 0.0
        _grows(sys.getsizeof(value) + each * len(value), path, found)
    elif isinstance(value, str | bytes):
        _grows(sys.getsizeof(value), path, found)
    else:
        found.fixed += sys.getsizeof(value)


def _grows(size: float, path: tuple[str, ...], found: Sizes) -> None:
    place = place_of(path)
    found.growing[place] = found.growing.get(place, 0.0) + size
