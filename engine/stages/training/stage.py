"""Train each model of a job on the feature store, as a task on a worker, and save it as a bundle."""

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from lineshape.engine.core.errors import RequestError, RunError, listing
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Fold
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bar, Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.computed_columns import require_same
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import Bundle, Index, save_index
from lineshape.engine.learning.data.counting import TRAINED_BY, Counting, Counts, class_key, groups
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.stages.training.plan import ModelPlan, columns_of, plan_of
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
    asked: list[ModelPlan] = []
    only = [*only, *(member for name in only for member in job.built_models()[name].members())] if only else None
    for name, model in job.built_models().items():
        plan = plan_of(job, store, folder, name, model)
        if plan.is_made:
            trained.bundles.append(name)
            continue
        if only and name not in only:
            trained.left_out[name] = "not asked for"
            continue
        _require(plan, store)
        asked.append(plan)
    reasons = _too_few(asked, store, workers, bars)
    for plan in asked:
        if reason := reasons.get(plan.name):
            trained.left_out[plan.name] = reason
            shutil.rmtree(plan.folder, ignore_errors=True)
    todo = [plan for plan in asked if plan.name not in reasons]
    for plan in todo:
        plan.sweep()
    failures = _run(todo, workers, bars)
    for plan in sorted(todo, key=lambda plan: len(plan.inputs.members)):
        there = [*trained.bundles, *trained.made]
        if lacking := [name for name in plan.inputs.members if name not in there]:
            trained.left_out[plan.name] = f"it is a mean, and there is no bundle of {listing(lacking)}"
        elif plan.name not in failures:
            plan.join()
            trained.made.append(plan.name)
    trained.made.sort(key=list(job.models).index)
    trained.bundles = sorted([*trained.bundles, *trained.made], key=list(job.models).index)
    known = {name: Bundle.load(folder.models / name).remarks for name in trained.bundles}
    trained.remarks = {name: remarks for name, remarks in known.items() if remarks}
    save_index(folder, Index(tuple(trained.bundles), trained.left_out | failures))
    if failures:
        raise RunError("\n".join(f"training of {name} failed: {problem}" for name, problem in failures.items()))
    return trained


def _require(plan: ModelPlan, store: FeatureStore) -> None:
    """Raise RequestError where the feature store lacks a column that the trainings need."""
    try:
        store.require(columns_of(plan.inputs, plan.model))
    except RequestError as error:
        raise RequestError(f"models.{plan.name}: {error}") from error


def _too_few(plans: list[ModelPlan], store: FeatureStore, workers: Workers, bars: Bars) -> dict[str, str]:
    """Return why models are left out: a sample is missing, or there are too few rows to train on."""
    reasons: dict[str, str] = {}
    tasks = {task.name: task for plan in plans if plan.model.trains for task in plan.tasks.values()}
    for task in tasks.values():
        if missing := sorted((task.work.data.choice.samples or set()) - set(store.samples)):
            reason = f"it learns from {', '.join(missing)}, and there is no such sample in the feature store"
            reasons[task.model_name] = reason
    known = {name: task.work.data for name, task in tasks.items() if task.model_name not in reasons}
    for name, rows in _counted(known, store, workers, bars).items():
        task = tasks[name]
        reason, least = _empty_class(known[name], store, rows), task.model.minimum_entries
        if not reason and (rows["training"] < least or not rows["validation"]):
            reason = (
                f"{rows['training']:,} training and {rows['validation']:,} validation rows are too few: "
                f"expected at least {least:,} (minimum_entries)"
            )
            if isinstance(division := known[name].split, Fold):
                reason += f": {division.folds} folds are too many for so few events"
        if reason:
            reasons.setdefault(task.model_name, f"{task.of_model}{reason}")
    return reasons


def _empty_class(data: Dataset, store: FeatureStore, rows: Mapping[str, int]) -> str:
    """Return which class of the target has no training rows, and why; empty where all have some."""
    column = store.classes.get(data.target.truths[0])
    for number, (name, part) in enumerate(column.parts.items() if column else ()):
        of = part.samples or store.samples
        there = sum(shard.rows for shard in store.shards if shard.sample in of)
        for split in TRAINED_BY:
            if rows.get(class_key(split, number)) == 0:
                why = f"{listing(of)} {'has' if len(of) == 1 else 'have'} {there:,} objects"
                if there and isinstance(data.split, Fold):
                    why += f", of which none is in the folds for {split} and meets the conditions: use fewer folds"
                elif there:
                    of_split = "" if split == "training" else f" that is of the {split} split"
                    why += f", of which none{of_split} meets its conditions and those of the model"
                return f"class {name} has no {split} rows: {why}"
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


def _run(todo: list[ModelPlan], workers: Workers, bars: Bars) -> dict[str, str]:
    """Train all models, starting with those last in the job file; return the failures by model.

    Progress comes as events from the workers.
    """
    tasks = {task.name: task for plan in reversed(todo) for task in plan.todo()}
    if not tasks:
        return {}
    client = workers.client
    rows = {plan.name: _Row(bars.add(f"training {plan.name}", None), plan) for plan in todo}

    def show(event: tuple[Any, dict[str, Any]]) -> None:
        said = event[1]
        if task := tasks.get(said.get("name", "")):
            rows[task.model_name].set(task, said["done"], said["total"], said["note"])

    client.subscribe_topic(TOPIC, show)
    trainer = Trainer(workers)
    failures: dict[str, str] = {}
    try:
        # One thread supervises each training; the work is done by the workers.
        with ThreadPoolExecutor(len(tasks), "training") as watchers:
            running = {watchers.submit(trainer.train, task): task for task in tasks.values()}
            try:
                for future in as_completed(running):
                    task = running[future]
                    if problem := future.result():
                        failures.setdefault(task.model_name, f"{task.of_model}{problem}")
                    else:
                        rows[task.model_name].end(task)
            finally:
                trainer.stopped.set()
    finally:
        client.unsubscribe_topic(TOPIC)
    return failures


class _Row:
    """Progress of the trainings of a model, in one row."""

    def __init__(self, bar: Bar, plan: ModelPlan) -> None:
        self._bar, self._all = bar, len(plan.tasks)
        self._done = {task.name: 1.0 for task in plan.tasks.values() if task.is_made}

    def set(self, task: Task, done: float, total: float, note: str) -> None:
        """Show how far a training has come."""
        if self._all == 1:
            self._bar.set(done, total, note)
            return
        self._done[task.name] = min(done / total if total else 0.0, 0.999)
        self._show()

    def end(self, task: Task) -> None:
        """Show that a training has ended."""
        self._done[task.name] = 1.0
        if self._all == 1:
            self._bar.set(1, 1, "done")
        else:
            self._show()

    def _show(self) -> None:
        ended = sum(done == 1 for done in self._done.values())
        self._bar.set(
            sum(self._done.values()), self._all, "done" if ended == self._all else f"{ended} of {self._all} trainings"
        )
