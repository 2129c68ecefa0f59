"""Digests that identify things by what they were made from, and uniform numbers hashed from identifiers."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


def digest(*parts: Any) -> str:
    """Return a digest of JSON-like values: 20 hexadecimal digits, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def uniform(identifiers: NDArray[np.uint64], stream: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each identifier: a hash (splitmix64), the same wherever it is computed.

    stream: number that selects an independent set of hashes (one for the split, one for the jackknife's groups).
    """
    with np.errstate(over="ignore"):
        x = identifiers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(stream + 1)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**53
