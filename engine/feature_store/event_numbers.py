"""Event numbers, by whose hash events are split and uncertainties made: exact or refused, and enough different ones.

How many different ones there are is known from those with the smallest hashes, of which merged ones are again the
smallest (Bar-Yossef et al., RANDOM 2002, LNCS 2483, 1).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.digests import uniform
from lineshape.engine.core.errors import DataError, RunError

#: Hashes that are kept of a shard, or of any number of them.
_KEPT: Final = 64
#: Objects of one event alone, from which on no data set is so small.
_OF_ONE_EVENT: Final = 100
#: Different events, or objects for each of them, at which it is said that there are few, of so many objects at least.
_FEW_EVENTS: Final = 20
_MANY_OBJECTS: Final = 500
_SAID_FROM: Final = 1000
_REMEDY: Final = (
    "name a branch of integers (best ULong64_t) for it under 'branches:' in the job file, or write the file anew"
)


def exact(values: NDArray[Any], what: str) -> NDArray[np.uint64]:
    """Return event numbers as unsigned integers; raise DataError where any of them is none, or may have been rounded.

    values: (n,), finite. what: what holds them, for the message. A float holds whole numbers exactly up to 2^24 (32
    bits) or 2^53 (64 bits); one that is larger may stand for several events.
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
    """Return the smallest hashes of event numbers, each once, in order."""
    return [float(value) for value in np.unique(uniform(events, stream=2))[:_KEPT]]


def merged(samples: Iterable[Sequence[float]]) -> list[float]:
    """Return the smallest hashes of all."""
    return sorted({value for sample in samples for value in sample})[:_KEPT]


def different(sample: Sequence[float]) -> int:
    """Return how many different event numbers there are: exactly below 64, to about 13 % above."""
    return len(sample) if len(sample) < _KEPT else round((_KEPT - 1) / sample[-1])


def remark(sample: str, rows: int, events: Sequence[float]) -> str:
    """Return what is to be said of a sample's event numbers, empty where that is nothing.

    rows: its objects. events: of `sample_of`, of all of them.

    Raises RunError where many objects have one event number, so that there is nothing to split.
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
