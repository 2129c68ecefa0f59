"""What a training of boosted trees needs to know of all its rows, and when it stops."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.split import SplitName
from lineshape.engine.learning.data.survey import Look


@dataclass(frozen=True)
class Stops:
    """The most rounds, rounds without a better score after which it ends, and rounds between two checkpoints."""

    rounds: int
    early: int
    checkpoint: int


@dataclass(frozen=True)
class Together:
    """What is to be known of the rows of all that train together: of each split, and targets of the training rows."""

    looks: dict[SplitName, Look]
    targets: NDArray[np.float32]
