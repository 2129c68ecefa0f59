"""Make the templates of a run for the fit: a pyhf workspace, and ROOT histograms with cabinetry's configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Folds, SplitName
from lineshape.jobs.job_files import load

if TYPE_CHECKING:
    from lineshape.engine.feature_store.store import FeatureStore
    from lineshape.engine.fits.templates import SampleHistograms, Templates
    from lineshape.engine.job.job import Job
    from lineshape.engine.results.performance import Performance

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
            own = _histograms(nominal, store, model, name)
            varied = _varied(job, folder, store, model, name, own)
            made = collect(f"{name}_{model}", measure, own, varied, whole)
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
        if not varied.variation.changes_what_is_measured:
            samples = {each: replace(histograms, scales=own[each].scales) for each, histograms in samples.items()}
        parameter = varied.variation.parameter or varied.name
        direction = found.setdefault(parameter, {}).setdefault(varied.direction, {})
        if twice := direction.keys() & samples.keys():
            raise RequestError(
                f"variation {varied.name}: parameter '{parameter}' varies {listing(sorted(twice))} already: expected "
                "one variation of a sample for each parameter"
            )
        direction.update(samples)
    return found
