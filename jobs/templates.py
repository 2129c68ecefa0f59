"""Make the templates of a run for the fit: a pyhf workspace, and ROOT histograms with cabinetry's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Folds, SplitName
from lineshape.engine.job.data_samples import replacements_in
from lineshape.jobs.job_files import load

if TYPE_CHECKING:
    from lineshape.engine.feature_store.store import FeatureStore
    from lineshape.engine.fits.templates import SampleHistograms, Templates
    from lineshape.engine.job.job import Job
    from lineshape.engine.job.varied import Varied as VariedDirection
    from lineshape.engine.results.performance import Performance

#: Parameters of the fit that variations must not be called.
RESERVED = ("mu", "luminosity", "lumi", "Lumi")
#: Histograms of samples, by parameter and direction.
Varied = dict[str, dict[str, dict[str, "SampleHistograms"]]]


@dataclass(frozen=True)
class WrittenTemplates:
    """Templates of a measure of a model, and the files that they were written to."""

    measure: str
    model: str
    templates: "Templates"
    files: list[Path]


def write_templates(run: str | Path, output: Path | None = None) -> list[WrittenTemplates]:
    """Write the templates of a run: for each measure of kind `template`, of each model, in a folder of its own.

    output: templates/ of the run folder by default.

    Raises RequestError where the run has no such measure, or its histograms are not there.
    """
    from lineshape.engine.feature_store.store import FeatureStore
    from lineshape.engine.fits.templates import collect
    from lineshape.engine.fits.workspace import write
    from lineshape.engine.measures.kinds.template import Template
    from lineshape.engine.results.performance import Performance

    folder = RunFolder.find(run)
    job = load(folder.path)
    measures = {name: each for name, each in job.built_measures().items() if isinstance(each, Template)}
    if not measures:
        raise RequestError(
            f"run {folder.path} has no templates: expected a measure of kind 'template' in its job file "
            f"(it has {listing(job.measures)}), then 'lineshape histogram' and 'lineshape vary'"
        )
    store = FeatureStore.load(folder.features)
    nominal = Performance.as_saved(job, folder.histograms, store)
    whole: tuple[SplitName, ...] = ("test",) if isinstance(job.division, Folds) else ("training", "validation", "test")
    found = []
    for name, measure in measures.items():
        for model in (each for each in nominal.models if measure.is_of_model(each)):
            left_out = set(replacements_in(job.model_dump(mode="json"))) - {*measure.signal}
            own = {each: of for each, of in _histograms(nominal, store, model, name).items() if each not in left_out}
            varied = _varied(job, folder, store, model, name, own, nominal)
            made = collect(f"{name}_{model}", measure, own, varied, whole)
            made.notes.extend(_unscaled(job))
            place = (output or folder.path / "templates") / f"{name}_{model}"
            found.append(WrittenTemplates(name, model, made, write(place, made)))
    return found


def _histograms(
    performance: "Performance", store: "FeatureStore", model: str, name: str
) -> dict[str, "SampleHistograms"]:
    """Return the histograms of the samples that are in a feature store."""
    from lineshape.engine.fits.templates import SampleHistograms

    rows: dict[str, float] = {}
    for shard in store.shards:
        rows[shard.sample] = rows.get(shard.sample, 0.0) + shard.rows
    found = {}
    for sample, number in rows.items():
        if histograms := performance.of(sample, model, name):
            weights = store.weights.get(sample)
            found[sample] = SampleHistograms.of(histograms, weights.total if weights else number)
    return found


def _varied(
    job: "Job",
    folder: RunFolder,
    store: "FeatureStore",
    model: str,
    name: str,
    own: Mapping[str, "SampleHistograms"],
    nominal: "Performance",
) -> Varied:
    """Return the histograms of variations of a measure; those of the same events keep their sample's factor."""
    from lineshape.engine.job.varied import varied_of
    from lineshape.engine.job.varied_store import VariedStore
    from lineshape.engine.results.performance import Performance

    found: Varied = {}
    for varied in varied_of(job):
        if name not in (varied.variation.measures or job.measures):
            continue
        try:
            of = VariedStore.load(job, folder, store, varied)
            performance = Performance.load(of.job, of.folder.histograms, of.store, of.bundles(job, folder), given=True)
        except RequestError as error:
            raise RequestError(
                f"variation {varied.key} is not there, or is of other data or settings ({error}): run 'lineshape vary' "
                "first"
            ) from error
        samples = _histograms(performance, of.store, model, name)
        _require_whole(varied, job, store, of.store)
        # Of a model with another split fewer events count, so that the factor to the whole sample is another.
        if not varied.variation.changes_what_is_measured and performance.about == nominal.about:
            samples = {each: replace(histograms, scales=own[each].scales) for each, histograms in samples.items()}
        parameter = varied.variation.parameter or varied.name
        if parameter in RESERVED or parameter.startswith("staterror_"):
            raise RequestError(
                f"variation {varied.name}: '{parameter}' is a parameter of the fit's own: call it something else, or "
                "give it another 'parameter'"
            )
        direction = found.setdefault(parameter, {}).setdefault(varied.direction, {})
        if twice := direction.keys() & samples.keys():
            raise RequestError(
                f"variation {varied.name}: parameter '{parameter}' varies {listing(sorted(twice))} already: expected "
                "one variation of a sample for each parameter"
            )
        direction.update(samples)
    return found


def _require_whole(varied: "VariedDirection", job: "Job", store: "FeatureStore", own: "FeatureStore") -> None:
    """Raise RequestError where a variation lacks a part of the input that nominal has, or the other way round."""
    if varied.variation.changes_files:
        return
    changed = varied.samples(job)
    parts = [
        {(each.sample, each.file, each.start) for each in of.quarantined if each.sample in changed}
        for of in (store, own)
    ]
    if lost := parts[0] ^ parts[1]:
        raise RequestError(
            f"variation {varied.key}: {len(lost)} of the input's parts could be used with or without it alone, so that "
            "its templates would have another rate: mend it, or leave it out"
        )


def _unscaled(job: "Job") -> list[str]:
    """Return notes on samples of variations whose size is that of their files alone."""
    alone = [
        (name, sample)
        for name, variation in job.built_variations().items()
        for sample in (variation.samples if variation.changes_files else ())
        if job.samples[sample].cross_section is None or job.luminosity is None
    ]
    return [
        f"variation {name}: {sample} has no cross-section and luminosity: its rate is that of the numbers of events"
        for name, sample in alone
    ]
