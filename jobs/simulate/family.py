"""Define a family of simulated samples: settings that generate events."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, create_model

from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings
from lineshape.jobs.simulate.request import request_in


@dataclass(frozen=True)
class Sample:
    """Simulated events by column.

    - events: one value an event; event numbers are assigned when they are written.
    - objects: for each collection, one value an object.
    - counts: for each collection, the number of objects in each event.
    """

    events: dict[str, NDArray[Any]]
    objects: dict[str, dict[str, NDArray[Any]]]
    counts: dict[str, NDArray[np.int64]]

    @property
    def length(self) -> int:
        """Number of events."""
        return len(next(iter(self.events.values())))


class Family(Settings, ABC):
    """A family of simulated samples: one process, its parameters as fields. Add one as a file of families/.

    unit: of an amount, and the key in a job file that gives the amount. at_once: amount, in this unit, that is
    generated and written at a time; it bounds a task's memory.
    """

    unit: ClassVar[str]
    at_once: ClassVar[int] = 100_000

    @abstractmethod
    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Generate events with this amount of the unit in all; events that hold nothing may be left out."""


def _with_amount(family: type[Family]) -> type[BaseModel]:
    """Return the settings of a family with those that say how much of it to simulate."""
    return create_model(family.__name__, __base__=(family, request_in(family.unit)))


#: Simulated samples, by kind.
FAMILIES: Final = Role(
    "simulated sample", "lineshape.jobs.simulate.families", Family, "samples.*.simulate", settings=_with_amount
)
