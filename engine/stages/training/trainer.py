"""Supervise trainings: start their parts on workers, restart those that died, and put the finished bundle in place."""

import shutil
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from lineshape.engine.core.errors import ClusterError, LineshapeError, plainly
from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.core.ledger import versions
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.execution.workers import Watch, Workers, worker_infos
from lineshape.engine.learning.bundles import FILE, Bundle
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.launch.launch import ATTEMPT, FACTS, RankDiedError, read_facts, require_current
from lineshape.engine.learning.roles.model import MODELS, Demands, Model, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

if TYPE_CHECKING:
    from distributed import Future

#: Topic of the events by which workers report their progress.
TOPIC: Final = "lineshape-training"
#: Deaths without a step of progress after which a training is given up.
_DEATHS = 3
#: Seconds until a file that one machine wrote to a shared disk is visible on another.
_DISK_PATIENCE = 30.0
#: Seconds that parts of a training have to end by themselves once one has.
_GRACE = 20.0
#: Seconds between two checks of the workers; seconds to wait for workers that are not known to be coming.
_LOOK_EVERY = 0.2
_WAIT = 30.0


@dataclass(frozen=True)
class Task:
    """One training: of a model, or of one of its folds or seeds.

    model_name: in the job file. digest: of everything that it depends on. folder: of its bundle. seen: the events that
    it and its columns are trained on.
    """

    work: TrainingTask
    model_name: str
    model: Model
    digest: str
    folder: Path
    seen: Seen

    @property
    def name(self) -> str:
        """Name of the training: the model's, with its fold and seed where there are several."""
        return self.work.name

    @property
    def of_model(self) -> str:
        """The seed and fold, for messages, as in 'fold 2: '; empty where there is one training alone."""
        rest = self.name.removeprefix(self.model_name).strip("_")
        return f"{rest.replace('_fold', ', fold').replace('_', ' ')}: " if rest else ""

    @property
    def is_made(self) -> bool:
        """Whether its bundle is there."""
        return (self.folder / FILE).is_file() and Bundle.load(self.folder).digest == self.digest


@dataclass(frozen=True)
class Outcome:
    """Result of a worker's part of a training: its problem, if any, and whether it died and can be restarted."""

    problem: str = ""
    died: bool = False


class Trainer:
    """Supervisor of trainings; restarts those that died for as long as they make progress."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._together = Lock()
        self._asking = Lock()
        self._asked = -_LOOK_EVERY
        self._known: dict[str, Any] = {}
        self.stopped = Event()

    def train(self, task: Task) -> str:
        """Train a model; return the reason of a failure, empty on success."""
        deaths, epochs = 0, -1
        while True:
            outcome = self._attempt(task)
            if not outcome.died:
                return outcome.problem or _publish(task)
            reached = len(read_history(task.work.folder))
            deaths, epochs = (deaths + 1, epochs) if reached <= epochs else (1, reached)
            if deaths >= _DEATHS or self.stopped.is_set():
                return f"it died {deaths} times after step {reached}, the last time so: {outcome.problem}"

    def _attempt(self, task: Task) -> Outcome:
        """Start the training once, on one worker or on several that wait for one another."""
        wanted = task.model.demands()
        if wanted.workers == 1:
            return self._on(task, wanted, [None])
        with self._together:  # two of these at once could each wait for the other's workers
            try:
                chosen = self._choose(wanted)
                if len(chosen) < wanted.workers:
                    return Outcome(
                        f"workers: {wanted.workers} were asked for to train together, and the cluster has {len(chosen)}"
                    )
                return self._on(task, wanted, list(chosen))
            finally:
                self._workers.want_together(0)

    def _on(self, task: Task, wanted: Demands, chosen: Sequence[str | None]) -> Outcome:
        """Start one part on each of these workers (None: on any), and wait for all."""
        gpus = self._gpus() if wanted.gpu else 0
        attempt = uuid4().hex[:12]
        _say_attempt(task.work, attempt)
        client = self._workers.client
        futures = []
        for node, address in enumerate(chosen):
            work = replace(task.work, node=node, nodes=len(chosen), ranks=max(1, gpus), attempt=attempt, gpu=gpus > 0)
            place = {} if address is None else {"workers": [address], "allow_other_workers": False}
            needs = {"resources": {"GPU": gpus}} if gpus else {}
            futures.append(client.submit(train_part, work, pure=False, retries=0, **place, **needs))
        try:
            return self._wait(futures, chosen)
        finally:
            # Dask does not stop a running task: each part checks this file, and ends.
            _say_attempt(task.work, "")
            if client.status == "running":
                client.cancel(futures)

    def _wait(self, futures: "list[Future[Outcome]]", chosen: Sequence[str | None]) -> Outcome:
        """Wait until all parts have ended, or one has failed, as the others would wait for it."""
        watch = Watch(self._workers.patience)
        ended_since: float | None = None
        while not all(future.done() for future in futures):
            if self.stopped.wait(_LOOK_EVERY):
                return Outcome("stopped")
            if self._workers.client.status != "running":
                raise ClusterError("the scheduler was lost: run the same command again with another one")
            addresses = self._addresses()
            if len(chosen) > 1 and not set(chosen) <= addresses:
                return Outcome("a worker of those that trained together was lost", died=True)
            watch.look(bool(addresses), self._workers.trouble)
            ended = [outcome for future in futures if future.done() if (outcome := _outcome(future)).problem]
            ended_since = (ended_since or time.monotonic()) if ended else None
            # The part that failed may end a little later than those that lost their connection to it.
            if ended_since and (time.monotonic() - ended_since > _GRACE or not all(one.died for one in ended)):
                break
        outcomes = [_outcome(future) for future in futures if future.done()]
        # A part's own problem goes first: that others lost their connection to it is no cause.
        wrong = [outcome for outcome in outcomes if outcome.problem and not outcome.died]
        return next(iter([*wrong, *(outcome for outcome in outcomes if outcome.died)]), Outcome())

    def _infos(self) -> dict[str, Any]:
        """Return what the scheduler knows of the workers; it is asked once, however many trainings look."""
        with self._asking:
            if time.monotonic() - self._asked > _LOOK_EVERY:
                self._known = worker_infos(self._workers.client)
                self._asked = time.monotonic()
            return self._known

    def _addresses(self) -> set[str]:
        return set(self._infos())

    def _gpus(self) -> int:
        """Return the GPUs per worker: the least declared by workers with any, else those promised of future workers."""
        declared = [n for info in self._infos().values() if (n := info["resources"].get("GPU", 0)) >= 1]
        return int(min(declared, default=self._workers.promise.gpus))

    def _choose(self, wanted: Demands) -> list[str]:
        """Choose workers to train together, with GPUs where wanted and available; wait for workers yet to come."""
        on_gpus = wanted.gpu and self._gpus() > 0
        comes = self._workers.promise.gpus if on_gpus else self._workers.promise.workers
        end = time.monotonic() + (self._workers.patience if comes else _WAIT)
        self._workers.want_together(wanted.workers if on_gpus else 0)
        while True:
            infos = self._infos()
            able = [name for name, info in infos.items() if info["resources"].get("GPU", 0) >= 1 or not on_gpus]
            found = sorted(able)[: wanted.workers]
            if len(found) == wanted.workers or self.stopped.wait(_LOOK_EVERY) or time.monotonic() > end:
                return found


def _say_attempt(work: TrainingTask, attempt: str) -> None:
    """Write the identifier of the current start; parts of any other start end."""
    work.scratch.mkdir(parents=True, exist_ok=True)
    with replacing(work.scratch / ATTEMPT) as temporary:
        temporary.write_text(attempt, encoding="utf-8")


def _outcome(future: "Future[Outcome]") -> Outcome:
    """Return the worker's outcome; a task whose workers died repeatedly, which Dask gives up, counts as died."""
    if future.status == "finished":
        return future.result()
    return Outcome(
        f"its worker was lost: {future.exception() if future.status == 'error' else future.status}", died=True
    )


def train_part(work: TrainingTask) -> Outcome:
    """Train a model, or one part of it together with other workers; runs on a worker."""
    try:
        model = MODELS.build(work.model, ("models", work.name))
        require_current(work, _DISK_PATIENCE)
        if work.node == 0:
            model.prepare(work)
        _check_in(work)
        facts = model.train(work, _reporter(work))
        if work.node == 0:
            write_json(work.scratch / FACTS, facts)
    except RankDiedError as error:
        return Outcome(str(error), died=True)
    except LineshapeError as error:
        return Outcome(str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a model's code raises ends its training alone
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(f"{plainly(error)} ({place.filename}, line {place.lineno})")
    return Outcome()


def _check_in(work: TrainingTask) -> None:
    """Wait until all parts that train together are running; the first has prepared the rows by then.

    Some parts may have to wait for a worker.
    """
    places = [work.scratch / f"here.{work.attempt}.{node}" for node in range(work.nodes)]
    places[work.node].touch()
    while not all(place.is_file() for place in places):
        require_current(work)
        time.sleep(_LOOK_EVERY)


def _publish(task: Task) -> str:
    """Put the bundle in place, whole or not at all; return an empty string."""
    work = task.work
    provenance = read_facts(work.scratch / FACTS) | {"seed": work.seed, "versions": versions()}
    work.folder.mkdir(parents=True, exist_ok=True)
    data = work.data
    Bundle(work.folder, work.name, work.model, data.features, data.target, task.digest, provenance, task.seen).save()
    shutil.rmtree(task.folder, ignore_errors=True)
    task.folder.parent.mkdir(parents=True, exist_ok=True)
    work.folder.rename(task.folder)
    shutil.rmtree(work.folder.parent, ignore_errors=True)
    return ""


def _reporter(work: TrainingTask) -> Report:
    """Return a function that reports progress to the client.

    The function raises RankDiedError where another start of the training has replaced this one.
    """
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return lambda *_: None

    def report(done: float, total: float, note: str) -> None:
        require_current(work)
        worker.log_event(TOPIC, {"name": work.name, "done": done, "total": total, "note": note})

    return report
