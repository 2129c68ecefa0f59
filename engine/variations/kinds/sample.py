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
    up: dict[str, Any] | str
    """Settings of the sample that are other, as {files: [...]} or {simulate: {...}}; or another sample of the job."""
    down: dict[str, Any] | str | None = None
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

    def replacement(self, direction: Direction) -> str | None:
        """Return the sample of the job that takes the place of the one that is varied."""
        other = self._of(direction)
        return other if isinstance(other, str) else None

    def _of(self, direction: Direction) -> dict[str, Any] | str:
        return self.up if direction == "up" or self.down is None else self.down

    def of_job(self, values: JobValues, direction: Direction) -> JobValues:
        """Return the job's words with other settings of the sample."""
        other = self._of(direction)
        (name,) = self.samples
        own = dict(values["samples"][name])
        if isinstance(other, str):
            return dict(values) | {
                "samples": dict(values["samples"]) | {name: values["samples"][other] | {"label": own["label"]}}
            }
        if "simulate" in other and "files" not in other:
            own["files"] = []
        return dict(values) | {"samples": dict(values["samples"]) | {name: own | other}}
