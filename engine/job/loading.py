"""Load a job file, check everything that can be known from it alone, and report faults with their line."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.records import CHECKSUM
from lineshape.engine.core.validation import SettingsError, validated
from lineshape.engine.job.accumulator_job import AccumulatorJob
from lineshape.engine.job.classes import as_written
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.job_file import YamlSource, explain
from lineshape.engine.learning.roles.model import MODELS
from lineshape.engine.learning.search import with_settings

#: Raises SettingsError where something is wrong with a job.
Check = Callable[[Job], None]
S = TypeVar("S", Job, AccumulatorJob)


def load_job(path: Path, changes: Mapping[str, Any] | None = None, checks: Iterable[Check] = ()) -> Job:
    """Return the job of a job file, checked.

    path: the YAML file. changes: values that replace those of the file, by dotted key (`models.brt.depth`). checks:
    further checks, for what only other layers know; each raises SettingsError with the place of the fault.

    Raises RequestError with the file, the line, what was expected and what was found.
    """
    return load_settings(path, Job, changes, (_check_measures, _check_models, _check_search, *checks))


def load_settings(
    path: Path, shape: type[S], changes: Mapping[str, Any] | None = None, checks: Iterable[Callable[[S], None]] = ()
) -> S:
    """Return the settings of a job file of another shape; arguments and errors are those of `load_job`."""
    source = YamlSource.read(path)
    source.values.setdefault("cluster", {"kind": "local"})
    source.values.pop(CHECKSUM, None)  # of the job in a run folder
    for key, value in (changes or {}).items():
        source.change(key, value)
    try:
        job = validated(shape, source.values)
        for check in checks:
            check(job)
        job.built_cluster()
    except SettingsError as error:
        written = SettingsError([fault._replace(place=as_written(fault.place)) for fault in error.faults])
        raise explain(source, written) from error
    return job


def _check_measures(job: Job) -> None:
    for name, measure in job.built_measures().items():
        for key, models in {"models": measure.models, "against": measure.against}.items():
            if unknown := [model for model in models if model not in job.models]:
                text = f"'{unknown[0]}' is not a model{nearest(unknown[0], job.models)}"
                raise SettingsError.at(("measures", name, key), text)
        _at(("measures", name), measure.require_models, job.built_models(), job.target)


def _check_models(job: Job) -> None:
    named = [name for names in job.feature_sets.values() for name in names]
    for name, model in job.built_models().items():
        place = ("models", name)
        features = _at((*place, "features"), job.features, model)
        _at(place, model.check, [*features, *named])
        if model.trains and not features and not model.lists():
            text = "a model cannot learn from nothing: expected a feature set of 'feature_sets' or a list of columns"
            raise SettingsError.at((*place, "features"), f"{text}, found {model.features or 'none'!r}")
        if job.folds and model.trains and not model.comparable:
            text = f"each training of this kind finds a variable of its own, so that it cannot be in {job.folds} folds"
            raise SettingsError.at(place, f"{text}: leave out 'folds', or the model")
        target = _at(place, inputs_of, job, model).target
        _at(place, model.require_target, target)
        if target.per and model.learns_labels:
            text = f"{', '.join(target.truths)} is a label here, and is divided by {target.per}"
            raise SettingsError.at(
                (*place, "per"), f"{text}: expected 'per: null' in the model, or no 'per' in 'target'"
            )


def _check_search(job: Job) -> None:
    for name, search in job.search.items():
        if not job.built_models()[name].trains:
            raise SettingsError.at(
                ("search", name), "nothing is trained, so that there is nothing to search: leave it out"
            )
        for setting, space in search.space.items():
            for value in space.choices or [space.low, space.high]:
                spec = with_settings(job.models[name], {setting: value})
                try:
                    MODELS.build(spec, ())
                except SettingsError as error:
                    texts = ("the model has no such setting" if each.unknown else each.text for each in error.faults)
                    raise SettingsError.at(
                        ("search", name, "space", setting), f"{'; '.join(texts)} (at {value})"
                    ) from error


def _at(place: tuple[str, ...], check: Callable[..., Any], *given: Any) -> Any:
    """Return the result of a check; raise its error as one at a place of the job file."""
    try:
        return check(*given)
    except RequestError as error:
        raise SettingsError.at(place, error) from error
