"""Each row once, as it comes."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.roles.sampler import Draw, Sampler


class Shuffled(Sampler):
    """An epoch sees every row once."""

    def draw(self, columns: Mapping[str, NDArray[np.float32]], rows: int, share: float) -> Draw:
        """Once each."""
        return lambda _: None
