"""Training: each model of a job fitted on the feature store, as a task on a worker, into a bundle."""

import shutil
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from lineshape.engine.bundles import FILE, Bundle
from lineshape.engine.errors import LineshapeError, RequestError, RunError
from lineshape.engine.files import write_json
from lineshape.engine.folders import RunFolder
from lineshape.engine.inputs import inputs_of
from lineshape.engine.job import Job
from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.learning.dataset import Dataset
from lineshape.engine.learning.models.model import Model, Report
from lineshape.engine.ledger import versions
from lineshape.engine.progress import Bars
from lineshape.engine.shards import FeatureStore
from lineshape.engine.workers import Workers

_TOPIC = "lineshape-training"


@dataclass
class Trained:
    """What the stage did: bundles that are there, those of them that were made now, and models left out and why."""

    bundles: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One model to be trained on a worker."""

    name: str
    model: KindSpec
    data: Dataset
    digest: str
    seed: int
    folder: Path


def train(job: Job, folder: RunFolder, workers: Workers, bars: Bars, only: list[str] | None = None) -> Trained:
    """Train the models whose bundle is missing or was made from something else.

    only: names of models; all of them by default.

    Raises RequestError where a model or a column is unknown, RunError where a training failed.
    """
    store = FeatureStore.load(folder.features)
    unknown = [name for name in only or [] if name not in job.models]
    if unknown:
        raise RequestError(f"no model {', '.join(unknown)} in the job file: expected one of {', '.join(job.models)}")
    trained = Trained()
    todo: list[Task] = []
    for name, model in job.built_models().items():
        task = _task(job, store, folder, name, model)
        if _is_made(task):
            trained.bundles.append(name)
        elif only and name not in only:
            trained.left_out[name] = "not asked for"
        elif reason := _too_few(task, model):
            trained.left_out[name] = reason
            shutil.rmtree(task.folder, ignore_errors=True)
        else:
            todo.append(task)
    failures = _run(todo, workers, bars)
    trained.made = [task.name for task in todo if task.name not in failures]
    trained.bundles = sorted([*trained.bundles, *trained.made], key=list(job.models).index)
    write_json(folder.index, {"bundles": trained.bundles, "left_out": trained.left_out | failures})
    if failures:
        raise RunError("\n".join(f"training of {name} failed: {problem}" for name, problem in failures.items()))
    return trained


def _task(job: Job, store: FeatureStore, folder: RunFolder, name: str, model: Model) -> Task:
    inputs = inputs_of(job, model)
    store.require([*inputs.features, inputs.target.truth, inputs.target.per])
    data = Dataset(folder.features, inputs.features, inputs.target, job.split)
    return Task(name, job.models[name], data, inputs.digest(job, store), job.seed, folder.models / name)


def _is_made(task: Task) -> bool:
    return (task.folder / FILE).is_file() and Bundle.load(task.folder).digest == task.digest


def _too_few(task: Task, model: Model) -> str:
    if not model.trains:
        return ""
    rows = {split: task.data.count(split) for split in ("training", "validation")}
    if rows["training"] >= model.minimum_entries and rows["validation"] > 0:
        return ""
    return (
        f"{rows['training']:,} training and {rows['validation']:,} validation rows are too few: "
        f"expected at least {model.minimum_entries:,} (minimum_entries)"
    )


def _run(todo: list[Task], workers: Workers, bars: Bars) -> dict[str, str]:
    """Train all, those that the job file lists last first; returns what went wrong by model.

    Progress comes as events from the workers.
    """
    if not todo:
        return {}
    from distributed import as_completed

    client = workers.client
    rows = {task.name: bars.add(f"training {task.name}", None) for task in todo}

    def show(event: tuple[Any, dict[str, Any]]) -> None:
        said = event[1]
        if said.get("name") in rows:
            rows[said["name"]].set(said["done"], said["total"], said["note"])

    client.subscribe_topic(_TOPIC, show)
    failures = {}
    try:
        futures = {client.submit(train_one, task, pure=False, retries=0): task for task in reversed(todo)}
        for future in as_completed(futures, loop=client.loop):
            name = futures[future].name
            problem = future.result() if future.status == "finished" else str(future.exception())
            if problem:
                failures[name] = problem
            else:
                rows[name].set(1, 1, "done")
    finally:
        client.unsubscribe_topic(_TOPIC)
    return failures


def train_one(task: Task) -> str:
    """On a worker: train a model and put its bundle in place, whole or not at all.

    Returns what went wrong, empty where nothing did.
    """
    temporary = task.folder.with_name(f".{task.name}.{uuid4().hex[:12]}.tmp")
    temporary.mkdir(parents=True)
    try:
        model = build("lineshape.engine.learning.models", Model, task.model, ("models", task.name))
        facts = model.train(task.data, temporary, task.seed, _reporter(task.name))
        provenance = facts | {"seed": task.seed, "versions": versions()}
        Bundle(temporary, task.name, task.model, task.data.features, task.data.target, task.digest, provenance).save()
        shutil.rmtree(task.folder, ignore_errors=True)
        temporary.rename(task.folder)
    except LineshapeError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a model's code raises ends its training alone
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return ""


def _reporter(name: str) -> Report:
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return lambda *_: None

    def report(done: float, total: float, note: str) -> None:
        worker.log_event(_TOPIC, {"name": name, "done": done, "total": total, "note": note})

    return report
