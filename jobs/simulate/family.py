"""What a family of simulated samples is: settings that generate events."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.settings import Settings


@dataclass(frozen=True)
class Sample:
    """Simulated events by column.

    events: one value an event; their numbers are given when they are written.
    objects: for each collection, one value an object.
    counts: for each collection, the number of objects in each event.
    """

    events: dict[str, NDArray[Any]]
    objects: dict[str, dict[str, NDArray[Any]]]
    counts: dict[str, NDArray[np.int64]]

    @property
    def length(self) -> int:
        """Number of events."""
        return len(next(iter(self.events.values())))


class Family(Settings, ABC):
    """A family of samples: one process, its parameters as fields. Add one as a file of this folder."""

    @abstractmethod
    def generate(self, taus: int, rng: np.random.Generator) -> Sample:
        """Events with this many reconstructed candidates in all."""
