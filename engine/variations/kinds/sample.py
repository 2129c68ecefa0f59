"""Vary the files of a sample: of another generator, tune or detector."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from lineshape.engine.core.settings import Names
from lineshape.engine.variations.variation import Direction, JobValues, Variation


class SampleVariation(Variation):
    """Another set of files in the place of a sample's, processed and measured like it.

    Its events are others, so that shifts have the statistical uncertainty of both.
    """

    samples: Annotated[Names, Field(min_length=1, max_length=1)]
    """The sample whose place is taken."""
    up: dict[str, Any]
    """Settings of the sample that are other, such as {files: [...]} or {simulate: {...}}."""
    down: dict[str, Any] | None = None
    """The same for the other direction."""

    same_events: bool = False
    """Whether the files hold the same events, by their numbers, as where they were reconstructed otherwise: statistical
    uncertainties of shifts are then those of a difference.
    """

    changes_files: ClassVar[bool] = True

    @property
    def changes_what_is_measured(self) -> bool:
        """Whether events are others than those of the job."""
        return not self.same_events

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words with other settings of the sample."""
        other = self.up if direction == "up" or self.down is None else self.down
        (name,) = self.samples
        own = dict(values["samples"][name])
        if "simulate" in other and "files" not in other:
            own["files"] = []
        return dict(values) | {"samples": dict(values["samples"]) | {name: own | other}}
