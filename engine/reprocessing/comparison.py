"""Compare champion and challenger as two models of one run, on the same objects of the test split."""

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import LineshapeError, RequestError, RunError, listing, nearest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Division
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.policy import Comparison
from lineshape.engine.learning.bundles import FILE, Bundle, Index, save_index
from lineshape.engine.measures.measure import BASELINE, Better, Measure
from lineshape.engine.results.performance import Performance

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"


@dataclass(frozen=True)
class Criterion:
    """Criterion by which challenger and champion are compared: a model of the job, and a figure of a measure.

    The figure is one that compares a model with a baseline. better: says when the challenger's is the better one.
    sample: that the figure is read on; empty = the first sample that has it.
    """

    model: str
    measure: str
    figure: str
    better: Better
    sample: str


def criterion_of(job: Job) -> Criterion:
    """Return the criterion set by the job's section `reprocess`; raises RequestError where a name in it is unknown."""
    policy = job.reprocess
    trained = [name for name, model in job.built_models().items() if model.is_learnt]
    model = policy.model or (trained[-1] if trained else "")
    if model not in trained:
        raise RequestError(
            f"reprocess.model: '{model}' is not a model that is trained: expected one of {listing(trained) or 'none'}"
            f"{nearest(model, trained)}"
        )
    able = {name: m for name, m in job.built_measures().items() if m.better and m.is_of_model(model)}
    measure = policy.measure or next(iter(able), "")
    if measure not in able:
        raise RequestError(
            f"reprocess.measure: '{measure}' gives no figure of {model} over a baseline: expected one of "
            f"{listing(able) or 'none (a measure of kind response, vector, tagging or information is needed)'}"
        )
    better = able[measure].better
    figure = policy.figure or next(iter(better))
    if figure not in better:
        raise RequestError(f"reprocess.figure: '{figure}' is not one of {', '.join(better)}{nearest(figure, better)}")
    sample = policy.sample or ""
    if sample and sample not in job.samples:
        raise RequestError(f"reprocess.sample: '{sample}' is not a sample{nearest(sample, job.samples)}")
    return Criterion(model, measure, figure, better[figure], sample)


def obstacle(bundle: Bundle, split: Division, job: Job, store: FeatureStore) -> str:
    """Return why a bundle of another run cannot be measured on this job's test split; empty where it can.

    split: of the run that the bundle was trained in, used for a bundle that does not record its own.
    """
    if (bundle.seen.own if bundle.seen else split) != job.division:
        return "the split changed since: it may have been trained on events that are now of the test split"
    try:
        store.require(bundle.columns)
    except LineshapeError as error:
        return f"it needs what the processor no longer makes: {error}"
    return ""


def comparison_job(job: Job, models: Mapping[str, Bundle], labels: Mapping[str, str], model: str, about: str) -> Job:
    """Return a job whose models are existing bundles, with the measures that apply to the compared model.

    models, labels: by CHAMPION and CHALLENGER; the first is the baseline. model: the model of the job that is compared.
    about: first paragraph of the report.
    """
    values = job.model_dump(mode="json")
    values |= {
        "models": {
            name: {"kind": bundle.model.kind, **bundle.model.settings, "label": labels[name]}
            for name, bundle in models.items()
        },
        "baseline": next(iter(models)),
        "measures": {
            name: values["measures"][name] | {"models": [], "against": []}
            for name, measure in job.built_measures().items()
            if _is_of(measure, model, job)
        },
        "claims": {},
        "search": {},
        "reprocess": {},
        "title": f"{job.title or job.study}: {' and '.join(models)}",
        "about": [about, *job.about],
    }
    return Job.model_validate(values)


def _is_of(measure: Measure, model: str, job: Job) -> bool:
    if not measure.is_of_model(model):
        return False
    try:
        measure.require_models({model: job.built_models()[model]}, job.target)
    except RequestError:
        return False
    return True


def read_comparison(performance: Performance, job: Job, criterion: Criterion) -> Comparison:
    """Return the challenger's figure relative to the champion's, or the problem where there is none."""
    measure = job.built_measures()[criterion.measure]
    found: dict[str, Any] = {}
    for sample in [criterion.sample] if criterion.sample else performance.subjects.members:
        own, other = (performance.of(sample, name, criterion.measure) for name in (CHALLENGER, CHAMPION))
        if own and other:
            found |= {f.figure: f for f in measure.figures(own, {BASELINE: other}) if f.by == ""}
        figure = found.get(criterion.figure)
        if figure and math.isfinite(figure.value) and math.isfinite(figure.uncertainty):
            return Comparison(criterion.figure, criterion.better, float(figure.value), float(figure.uncertainty))
    return Comparison(
        criterion.figure,
        criterion.better,
        problem=f"measure {criterion.measure} gives no {criterion.figure}: too few objects in the test split, or not "
        "the same ones have an estimate of both",
    )


def put_in_place(models: Mapping[str, Bundle], labels: Mapping[str, str], folder: RunFolder) -> None:
    """Copy bundles into a run folder to be measured there; the originals stay unchanged.

    The file that makes a folder a bundle is written last.
    """
    for place in folder.models.glob("*/"):
        if place.name not in models:
            shutil.rmtree(place)
    for name, bundle in models.items():
        place = folder.models / name
        named = replace(bundle, folder=place, name=name, model=_labelled(bundle.model, labels[name]))
        if _digest_at(place) != bundle.digest:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(bundle.folder, place, copy_function=shutil.copyfile, ignore=_own_record(bundle.folder))
            for path in (place, *place.rglob("*/")):
                path.chmod(0o755)
        named.save()
    save_index(folder, Index(tuple(models), {}, given=True))


def _own_record(folder: Path) -> Callable[[str, list[str]], list[str]]:
    """Return a function that tells copytree to leave out the record of the bundle, but not those of its parts."""
    return lambda place, _: [FILE] if Path(place) == folder else []


def _digest_at(place: Path) -> str:
    """Return the digest of the bundle in a folder, empty where there is none or it is damaged."""
    if not (place / FILE).is_file():
        return ""
    try:
        return Bundle.load(place).digest
    except RunError:
        return ""


def _labelled(model: KindSpec, label: str) -> KindSpec:
    return KindSpec(kind=model.kind, **model.settings | {"label": label})
