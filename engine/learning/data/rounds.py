"""Define when a training of boosted trees stops, and the summary of all its rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.split import SplitName
from lineshape.engine.learning.data.survey import Look


@dataclass(frozen=True)
class Stops:
    """Stopping rule of a training, in boosting rounds.

    rounds: largest number. early: rounds without a better score after which it ends. checkpoint: rounds between two
    checkpoints.
    """

    rounds: int
    early: int
    checkpoint: int


@dataclass(frozen=True)
class Together:
    """Summary of the rows of all ranks: statistics of each split, and targets of training rows."""

    looks: dict[SplitName, Look]
    targets: NDArray[np.float32]
