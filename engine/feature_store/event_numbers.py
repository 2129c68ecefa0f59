"""Validate event numbers, whose hashes decide the split and the jackknife groups, and estimate how many are distinct.

The number of distinct ones is estimated from the smallest hashes; those of merged samples are the smallest of theirs
(Bar-Yossef et al., RANDOM 2002, LNCS 2483, 1).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.digests import uniform
from lineshape.engine.core.errors import DataError, RunError

#: Number of hashes saved for a shard, or for any number of shards.
_KEPT: Final = 64
#: Number of objects from which a single event number is an error, as no event has so many.
_OF_ONE_EVENT: Final = 100
#: A warning is given below this number of distinct events, or above this number of objects per event, for samples of
#: at least _SAID_FROM objects.
_FEW_EVENTS: Final = 20
_MANY_OBJECTS: Final = 500
_SAID_FROM: Final = 1000
_REMEDY: Final = (
    "name a branch of integers (best ULong64_t) for it under 'branches:' in the job file, or write the file anew"
)


def exact(values: NDArray[Any], what: str) -> NDArray[np.uint64]:
    """Return event numbers as unsigned integers; raise DataError where one is invalid or may have been rounded.

    values: (n,), finite. what: name of their source, for the message. A float holds whole numbers exactly up to 2^24
    (32 bits) or 2^53 (64 bits); a larger one may stand for several events.
    """
    kind = values.dtype.kind
    if kind == "u":
        return values.astype(np.uint64, copy=False)
    if kind not in "if":
        raise DataError(f"{what}: expected event numbers, found {values.dtype} values; {_REMEDY}")
    limit = 2.0 ** (np.finfo(values.dtype).nmant + 1) if kind == "f" else np.inf
    wrong = (values < 0) | (values >= limit)
    if kind == "f":
        wrong |= values != np.floor(values)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        exactly = f", which is exact below {limit:,.0f} alone" if kind == "f" else ""
        raise DataError(
            f"{what}: expected event numbers, whole and not negative, found {values[first]!s} in entry {first} and the "
            f"like in {wrong.sum()} of {len(values)}; its type is {values.dtype}{exactly}; {_REMEDY}"
        )
    return values.astype(np.uint64)


def sample_of(events: NDArray[np.uint64]) -> list[float]:
    """Return the 64 smallest distinct hashes of event numbers, in ascending order."""
    return [float(value) for value in np.unique(uniform(events, stream=2))[:_KEPT]]


def merged(samples: Iterable[Sequence[float]]) -> list[float]:
    """Return the 64 smallest distinct hashes of several samples."""
    return sorted({value for sample in samples for value in sample})[:_KEPT]


def different(sample: Sequence[float]) -> int:
    """Return the number of distinct event numbers: exact below 64, else estimated to about 13 %."""
    return len(sample) if len(sample) < _KEPT else round((_KEPT - 1) / sample[-1])


def remark(sample: str, rows: int, events: Sequence[float]) -> str:
    """Return a warning about a sample's event numbers, empty where there is none.

    rows: number of objects. events: the smallest hashes of all of them, from `sample_of`.

    Raises RunError where many objects share one event number, so that there is nothing to split.
    """
    if rows >= _OF_ONE_EVENT and len(events) == 1:
        raise RunError(
            f"sample {sample}: all of its {rows:,} objects have the same event number, by which events are split and "
            f"uncertainties made: 'event' has not the right branch; {_REMEDY}"
        )
    if rows >= _SAID_FROM and different(events) < max(_FEW_EVENTS, rows / _MANY_OBJECTS):
        return (
            f"sample {sample}: {rows:,} objects have only about {different(events):,} different event numbers, by "
            "which events are split and uncertainties made: is 'event' of the right branch?"
        )
    return ""
