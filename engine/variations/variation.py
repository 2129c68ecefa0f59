"""Define the base class of systematic variations: the same job with one thing changed, up and down."""

from abc import ABC
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

from pydantic import model_validator

from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Names, Settings

if TYPE_CHECKING:
    import numpy as np
    from coffea.nanoevents.methods.base import NanoEvents

#: Direction in which something is changed.
Direction = Literal["up", "down"]
#: Words by which a job is changed: its samples, weight and models, as in the job file.
JobValues = Mapping[str, Any]


class Variation(Settings, ABC):
    """A kind of systematic variation.

    It changes the events that a processor sees (`changed`), the words of the job file (`of_job`), or which bundle
    answers for a model (`bundles`); everything else is done as for the job itself.
    """

    label: str = ""
    """Name of the variation in plots and tables; empty: its key in the job file."""
    samples: Names = []
    """Samples that are changed; empty: all that are weighted, which data are not."""
    measures: Names = []
    """Measures that are made of it; empty: all. Each has histograms of its own for each direction."""
    symmetrise: bool = False
    """Whether there is `up` alone, and `down` is the opposite shift of each figure."""
    parameter: str = ""
    """Name of what is uncertain: variations of the same move together, as those of one source in several samples;
    empty: the variation's own name.
    """

    #: Whether events are changed before they are processed, so that there are shards of its own.
    changes_events: ClassVar[bool] = False
    #: Whether data are changed, too, where no samples are named.
    of_data: ClassVar[bool] = False
    #: Whether files are others than those of the job.
    changes_files: ClassVar[bool] = False

    @model_validator(mode="after")
    def _both_or_mirrored(self) -> Self:
        """Raise ValueError where there is one direction, and it is not said that the other is its opposite."""
        if "down" not in type(self).model_fields:
            return self
        down = getattr(self, "down", None)
        if down is None and not self.symmetrise:
            raise ValueError("there is 'up' without 'down': give both, or 'symmetrise: true', which mirrors its shift")
        if down is not None and self.symmetrise:
            raise ValueError("there is a 'down', which 'symmetrise: true' would replace by the mirrored shift of 'up'")
        return self

    @property
    def changes_what_is_measured(self) -> bool:
        """Whether events are others than those of the job, so that both are statistically independent."""
        return False

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Directions that are computed."""
        return ("up",) if self.symmetrise else ("up", "down")

    def reads(self) -> list[str]:
        """Return the columns of events that it changes, or needs for that."""
        return []

    def alters(self) -> list[str]:
        """Return the columns of events that it changes, of those that the processor reads."""
        return []

    def changed(self, events: "NanoEvents", direction: Direction, chance: "np.random.Generator") -> "NanoEvents":
        """Return the events as the processor sees them. chance: the same numbers for both directions of a chunk."""
        return events

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words, changed."""
        return values

    def bundles(self, direction: Direction) -> Mapping[str, str]:
        """Return the bundles that take the place of models, by name of the model: another model, or a folder."""
        return {}

    def replacement(self, direction: Direction) -> str | None:
        """Return the sample of the job whose files take the place of the varied one's; None where there is none."""
        return None

    def source(self) -> list[str]:
        """Return code, or digests of files, that what it does depends on beside its class and settings."""
        return []


#: Variations, by kind.
VARIATIONS: Final = Role("variation", "lineshape.engine.variations.kinds", Variation, "variations.*")
