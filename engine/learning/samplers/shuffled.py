"""Show each row once in an epoch, in random order."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.roles.sampler import Draw, Sampler


class Shuffled(Sampler):
    """Sampler that shows every row once in an epoch; the default."""

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Return a function that gives None: each row is seen once."""
        return lambda _: None
