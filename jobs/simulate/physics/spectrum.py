"""Draw from falling spectra."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def power_law(index: float, low: float, high: float, n: int, rng: np.random.Generator) -> Floats:
    """Return n values between two limits, distributed as value^-index."""
    power = 1 - index
    if abs(power) < 1e-9:
        return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), n)))
    start, stop = low**power, high**power
    return np.asarray((start + (stop - start) * rng.random(n)) ** (1 / power))
