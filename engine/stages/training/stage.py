"""Train each model of a job on the feature store, as a task on a worker, and save it as a bundle."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from lineshape.engine.core.errors import RequestError, RunError, listing
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.computed_columns import require_same
from lineshape.engine.job.counted_events import seen_through
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import FILE, Bundle, Index, save_index
from lineshape.engine.learning.data.counting import Counting, Counts, class_key, groups
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.training_task import TrainingTask
from lineshape.engine.stages.training.trainer import TOPIC, Task, Trainer


@dataclass
class Trained:
    """Result of the stage: existing bundles, those of them made now, and models left out with the reason.

    remarks: warnings on models, such as that they learnt nothing.
    """

    bundles: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def train(job: Job, folder: RunFolder, workers: Workers, bars: Bars, only: list[str] | None = None) -> Trained:
    """Train the models whose bundle is missing or was made from other inputs.

    only: names of models; all of them by default.

    Raises RequestError where a model or a column is unknown, RunError where a training failed.
    """
    store = FeatureStore.load(folder.features)
    require_same(job, store)
    unknown = [name for name in only or [] if name not in job.models]
    if unknown:
        raise RequestError(f"no model {', '.join(unknown)} in the job file: expected one of {', '.join(job.models)}")
    trained = Trained()
    asked: list[Task] = []
    for name, model in job.built_models().items():
        task = _task(job, store, folder, name, model)
        if _is_made(task):
            trained.bundles.append(name)
            continue
        if only and name not in only:
            trained.left_out[name] = "not asked for"
            continue
        _require(task, store)
        asked.append(task)
    reasons = _too_few(asked, store, workers, bars)
    for task in asked:
        if reason := reasons.get(task.name):
            trained.left_out[task.name] = reason
            shutil.rmtree(task.folder, ignore_errors=True)
    todo = [task for task in asked if task.name not in reasons]
    failures = _run(todo, workers, bars)
    trained.made = [task.name for task in todo if task.name not in failures]
    trained.bundles = sorted([*trained.bundles, *trained.made], key=list(job.models).index)
    known = {name: Bundle.load(folder.models / name).remarks for name in trained.bundles}
    trained.remarks = {name: remarks for name, remarks in known.items() if remarks}
    save_index(folder, Index(tuple(trained.bundles), trained.left_out | failures))
    if failures:
        raise RunError("\n".join(f"training of {name} failed: {problem}" for name, problem in failures.items()))
    return trained


def _task(job: Job, store: FeatureStore, folder: RunFolder, name: str, model: Model) -> Task:
    inputs = inputs_of(job, model)
    choice = model.choice
    try:
        model.require_target(inputs.target)
    except RequestError as error:
        raise RequestError(f"models.{name}: {error}") from error
    data = Dataset(folder.features, inputs.features, inputs.target, job.split, choice, model.weighed_by())
    digest = inputs.digest(job, store)
    # Named by the digest of its inputs: a restarted training finds its own files, and no other training does.
    place = folder.models.resolve() / f".{name}.{digest[:16]}.work"
    seed = job.seed if model.seed is None else model.seed
    work = TrainingTask(name, job.models[name], data, seed, place / "bundle", place / "scratch")
    through = seen_through(job, store, _columns(data, model))
    seen = Seen.behind(job.split if model.trains else None, through.values())
    return Task(work, model, digest, folder.models / name, seen)


def _columns(data: Dataset, model: Model) -> list[str]:
    """Return all columns that a training reads."""
    return [*data.features, *model.lists(), *model.trained_on(), *data.choice.columns, *data.target.columns]


def _is_made(task: Task) -> bool:
    return (task.folder / FILE).is_file() and Bundle.load(task.folder).digest == task.digest


def _require(task: Task, store: FeatureStore) -> None:
    """Raise RequestError where the feature store lacks a column that the training needs."""
    data, model = task.work.data, task.model
    try:
        store.require(_columns(data, model))
    except RequestError as error:
        raise RequestError(f"models.{task.name}: {error}") from error


def _too_few(tasks: list[Task], store: FeatureStore, workers: Workers, bars: Bars) -> dict[str, str]:
    """Return why models are left out: a sample is missing, or there are too few rows to train on."""
    reasons = {}
    trained = {task.name: task for task in tasks if task.model.trains}
    for name, task in trained.items():
        if missing := sorted((task.work.data.choice.samples or set()) - set(store.samples)):
            reasons[name] = f"it learns from {', '.join(missing)}, and there is no such sample in the feature store"
    known = {name: task.work.data for name, task in trained.items() if name not in reasons}
    for name, rows in _counted(known, store, workers, bars).items():
        if empty := _empty_class(known[name], store, rows):
            reasons[name] = empty
            continue
        least = trained[name].model.minimum_entries
        if rows["training"] < least or not rows["validation"]:
            reasons[name] = (
                f"{rows['training']:,} training and {rows['validation']:,} validation rows are too few: "
                f"expected at least {least:,} (minimum_entries)"
            )
    return reasons


def _empty_class(data: Dataset, store: FeatureStore, rows: Mapping[str, int]) -> str:
    """Return which class of the target has no training rows, and why; empty where all have some."""
    column = store.classes.get(data.target.truths[0])
    for number, (name, part) in enumerate(column.parts.items() if column else ()):
        if rows.get(class_key(number)) == 0:
            of = part.samples or store.samples
            there = sum(shard.rows for shard in store.shards if shard.sample in of)
            why = f"{listing(of)} {'has' if len(of) == 1 else 'have'} {there:,} objects"
            why += ", of which none meets its conditions and those of the model" if there else ""
            return f"class {name} has no training rows: {why}"
    return ""


def _counted(datasets: dict[str, Dataset], store: FeatureStore, workers: Workers, bars: Bars) -> Counts:
    """Count the rows of each split for each model; raises RunError where a shard could not be read."""
    if not datasets:
        return {}
    counting, names = Counting.of(datasets, store.classes)
    total: Counts = {name: {} for name in counting.datasets}
    tasks = list(groups(store))
    with bars.passing() as own:
        bar = own.add("counting rows", len(tasks))
        for shards, found in Executor(workers, counting).run(tasks):
            if isinstance(found, Failure):
                raise RunError(f"rows of {shards[0].path} could not be counted: {found.reason}")
            for name, splits in found.items():
                for key, number in splits.items():
                    total[name][key] = total[name].get(key, 0) + number
            bar.advance()
    return {name: total[key] for name, key in names.items()}


def _run(todo: list[Task], workers: Workers, bars: Bars) -> dict[str, str]:
    """Train all models, starting with those last in the job file; return the failures by model.

    Progress comes as events from the workers.
    """
    if not todo:
        return {}
    client = workers.client
    rows = {task.name: bars.add(f"training {task.name}", None) for task in todo}

    def show(event: tuple[Any, dict[str, Any]]) -> None:
        said = event[1]
        if said.get("name") in rows:
            rows[said["name"]].set(said["done"], said["total"], said["note"])

    client.subscribe_topic(TOPIC, show)
    trainer = Trainer(workers)
    failures = {}
    try:
        # One thread supervises each training; the work is done by the workers.
        with ThreadPoolExecutor(len(todo), "training") as watchers:
            running = {watchers.submit(trainer.train, task): task for task in reversed(todo)}
            try:
                for future in as_completed(running):
                    name = running[future].name
                    if problem := future.result():
                        failures[name] = problem
                    else:
                        rows[name].set(1, 1, "done")
            finally:
                trainer.stopped.set()
    finally:
        client.unsubscribe_topic(TOPIC)
    return failures
