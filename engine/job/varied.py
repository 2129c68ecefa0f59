"""Apply a systematic variation to a job: pure functions from a job to the same job with one thing changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import DataError, ProcessorError, code_line, nearest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.source_code import source_of
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.input.events import ENTROPY, numbers, only_columns
from lineshape.engine.input.processor import Selected, Selects
from lineshape.engine.job.job import Job
from lineshape.engine.job.weighting import row_weight
from lineshape.engine.variations.variation import VARIATIONS, Direction, Variation

if TYPE_CHECKING:
    from coffea.nanoevents.methods.base import NanoEvents


@dataclass(frozen=True)
class Varied:
    """A variation of a job in one direction. spec: the variation as in the job file. seed: the job's."""

    name: str
    direction: Direction
    spec: KindSpec
    seed: int

    @cached_property
    def variation(self) -> Variation:
        """Kind of the variation, with its settings."""
        return VARIATIONS.build(self.spec, ("variations", self.name))

    @property
    def key(self) -> str:
        """Name of the folder of what is made of it."""
        return f"{self.name}_{self.direction}"

    def job(self, job: Job) -> Job:
        """Return the job with one thing changed: of the samples that it changes, and the measures that are asked for.

        Raises SettingsError where that is no valid job.
        """
        values = dict(self.variation.of_job(job.model_dump(mode="json"), self.direction))
        measures = self.variation.measures or list(values["measures"])
        values["measures"] = {name: values["measures"][name] for name in measures}
        values |= {"variations": {}, "claims": {}, "search": {}}
        return validated(Job, values, ("variations", self.name))

    def samples(self, job: Job) -> list[str]:
        """Return the samples of the job that are changed."""
        return samples_of(job, self.variation)

    def mark(self) -> str:
        """Return a digest of what events are changed by; empty where they are not."""
        if not self.variation.changes_events:
            return ""
        settings = self.variation.model_dump(mode="json", exclude={"label", "samples", "measures", "parameter"})
        code = source_of(type(self.variation)), *self.variation.source()
        return digest(self.name, self.direction, self.seed, settings, code)


@dataclass(frozen=True)
class Varying:
    """A processor that is given changed events."""

    processor: Selects
    varied: Varied

    @property
    def inputs(self) -> Mapping[str, str | tuple[str | None, ...]]:
        """Inputs of the processor, and further columns that the variation reads."""
        if self.schema is not None:
            return self.processor.inputs
        more = {name: name for name in self.varied.variation.reads() if name not in self.processor.inputs}
        return {**self.processor.inputs, **more}

    @property
    def schema(self) -> Any:
        """Schema of the processor's events; None where it declares columns."""
        return getattr(self.processor, "schema", None)

    @property
    def outputs(self) -> Mapping[str, Column]:
        """Outputs of the processor."""
        return self.processor.outputs

    def process(self, events: "NanoEvents") -> Selected:
        """Return what the processor selects of the changed events.

        Raises DataError where a column that was changed is not finite, ProcessorError where it cannot be changed.
        """
        variation, name = self.varied.variation, self.varied.name
        entropy = [self.varied.seed, int(events.metadata[ENTROPY], 16), crc32(name.encode())]
        chance = np.random.default_rng(np.random.SeedSequence(entropy))
        try:
            changed = variation.changed(events, self.varied.direction, chance)
            _require_finite(changed, variation.alters() or ([] if self.schema else [*self.processor.inputs]))
        except (DataError, ProcessorError) as error:
            raise type(error)(f"variation {self.varied.key}: {error}") from error
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise ProcessorError(f"variation {self.varied.key}: {code_line(error)}") from error
        if self.schema is None and any(field not in self.processor.inputs for field in changed.fields):
            changed = only_columns(changed, self.processor.inputs)
        return self.processor.process(changed)


def _require_finite(events: "NanoEvents", columns: Sequence[str]) -> None:
    """Raise DataError where a column that was changed is not finite."""
    import awkward as ak

    for column in columns:
        if column in ak.fields(events) and (bad := int((~np.isfinite(numbers(events, column))).sum())):
            raise DataError(f"column {column} is NaN or infinite in {bad:,} values")


def varied_of(job: Job) -> list[Varied]:
    """Return the variations of a job, each direction by itself, in the job file's order."""
    return [
        Varied(name, direction, spec, job.seed)
        for name, spec in job.variations.items()
        for direction in job.built_variations()[name].directions
    ]


def samples_of(job: Job, variation: Variation) -> list[str]:
    """Return the samples that a variation changes: those it names, else all that are not data, or data as well."""
    whole = [name for name, sample in job.samples.items() if sample.weighted or variation.of_data]
    return list(variation.samples) or whole


def require_variations(job: Job, processor: Selects) -> None:
    """Raise SettingsError where a variation names a sample, measure, model or column that there is not."""
    for name, variation in job.built_variations().items():
        place = ("variations", name)
        _require_known((*place, "samples"), variation.samples, job.samples, "sample")
        _require_known((*place, "measures"), variation.measures, job.measures, "measure")
        if data := [each for each in variation.samples if job.samples[each].data and not variation.of_data]:
            raise SettingsError.at((*place, "samples"), f"'{data[0]}' is of data, which are not varied: leave it out")
        if not samples_of(job, variation):
            raise SettingsError.at(place, "no sample is weighted, and data are not varied: name 'samples'")
        if getattr(processor, "schema", None) is None and variation.alters():
            _require_known((*place, "columns"), variation.alters(), processor.inputs, "column that the processor reads")
        for direction in variation.directions:
            _require_known((*place, "model"), variation.bundles(direction), job.models, "model")
            if other := variation.replacement(direction):
                simulated = {each for each, sample in job.samples.items() if not sample.data}
                _require_known((*place, direction), [other], simulated - {*variation.samples}, "other simulated sample")
            changed = Varied(name, direction, job.variations[name], job.seed).job(job)
            columns, own = (_weight_columns(each) for each in (changed, job))
            made = {*processor.outputs, *job.derived, EVENT_WEIGHT}
            _require_known((*place, direction), [each for each in columns if each not in own], made, "column")
        unknown = [
            each
            for each in getattr(variation, "replaces", ())
            if each not in (job.weight.columns if job.weight else [])
        ]
        if unknown:
            raise SettingsError.at((*place, "replaces"), f"'{unknown[0]}' is not among the job's weight.columns")


def _weight_columns(job: Job) -> list[str]:
    """Return the columns that a job's weights are computed from."""
    return row_weight(job.weight, job.samples, None, {}).needed


def _require_known(place: tuple[str, ...], names: Any, known: Any, what: str) -> None:
    for name in names:
        if name not in known:
            raise SettingsError.at(place, f"'{name}' is no {what}{nearest(name, [*known])}")


def bundle_path(bundle: str, models: Path, names: Sequence[str]) -> Path:
    """Return the folder of the bundle that a variation names: that of a model of the job, or a path."""
    return models / bundle if bundle in names else Path(bundle)
