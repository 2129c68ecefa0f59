"""Keep a cluster's jobs at the wanted number: submit them, replace those that died, end those no longer needed."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.clusters.jobs import Jobs
from lineshape.engine.clusters.scaling import Demand, JobStates, delay, missing, surplus, wanted
from lineshape.engine.execution.workers import TOGETHER

if TYPE_CHECKING:
    from distributed import Scheduler
    from tornado.ioloop import PeriodicCallback

_LOGGER = logging.getLogger(__name__)
#: Seconds between two cycles.
_LOOK_EVERY = 2.0
#: Seconds between two queries of the batch system's queue, and seconds that it may take to list a new job.
_LIST_EVERY = 10.0
_SHOWN_AFTER = 30.0


@dataclass
class JobGroup:
    """Identical jobs: their settings, and the keyword arguments of dask-jobqueue with which each is submitted."""

    jobs: Jobs
    words: Mapping[str, Any]
    gpus: int = 0
    demand: Demand = field(init=False)
    numbers: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.demand = Demand(self.jobs.idle)


class Keeper:
    """A periodic callback in the scheduler's event loop that submits and ends jobs.

    cluster: dask-jobqueue's cluster, without jobs of its own. groups: by name; keyword arguments that they leave open
    are the cluster's. logs: folder of the jobs' logs. listing: command that prints the jobs in the queue, a number
    first on each line; empty: jobs that have left the queue are not detected.

    Dask's own `adapt` knows one kind of job, counts all tasks alike, and does not resubmit a job that was refused or
    that ended before its worker started.
    """

    def __init__(self, cluster: Any, groups: Mapping[str, JobGroup], logs: Path, listing: Sequence[str] = ()) -> None:
        self._cluster = cluster
        self._groups = groups
        self._logs = logs
        self._listing = listing
        self._submitted: dict[str, float] = {}
        self._came: set[str] = set()
        #: Number of consecutive failed submissions.
        self.failures = 0
        self._not_before = 0.0
        self._listed = time.monotonic()
        self._callback: PeriodicCallback | None = None
        #: The last problem, for messages while workers are waited for.
        self.trouble = ""

    def start(self) -> None:
        """Start the callback; the first jobs are submitted at once."""
        from tornado.ioloop import PeriodicCallback

        async def begin() -> None:
            self._callback = PeriodicCallback(self._look, 1000 * _LOOK_EVERY)
            self._callback.start()
            await self._look()

        self._cluster.sync(begin)

    def stop(self) -> None:
        """Stop submitting jobs."""

        async def end() -> None:
            if self._callback:
                self._callback.stop()

        self._cluster.sync(end)

    def waiting(self) -> list[str]:
        """Return the numbers of the jobs whose worker has not started."""
        jobs = dict(self._cluster.workers)
        return [str(job.job_id) for name, job in jobs.items() if name not in self._came and job.job_id is not None]

    async def _look(self) -> None:
        """Run one cycle: note new workers, decide how many jobs are wanted, and submit or end jobs."""
        from distributed.core import Status

        now = time.monotonic()
        self._note_workers()
        await self._drop_gone(now)
        if now < self._not_before:
            return
        for name, group in self._groups.items():
            self._decide(name, group, now)
        try:
            await self._cluster  # submits jobs that are wanted and missing, ends those no longer wanted
        except Exception as error:  # noqa: BLE001 - any error of a batch system is reported, and retried
            self._fail(_said(error))
        for name, job in list(self._cluster.workers.items()):
            if job.job_id is None:  # refused: another is submitted in its place
                job.status = Status.closed
                del self._cluster.workers[name]
                self._cluster.worker_spec.pop(name, None)
            else:
                self._submitted.setdefault(name, now)

    def _note_workers(self) -> None:
        """Update the workers that have started; a new one shows that jobs can run, and resets the failures."""
        for name in set(self._submitted) - set(self._cluster.workers):  # Dask has dropped one that was lost
            del self._submitted[name]
            self._came.discard(name)
        here = {str(state.name) for state in self._scheduler.workers.values()}
        if here - self._came:
            self.failures, self.trouble = 0, ""
        self._came |= here & set(self._submitted)

    def _decide(self, name: str, group: JobGroup, now: float) -> None:
        tasks = group.demand.see(now, self._tasks(group.gpus > 0))
        number = wanted(tasks, group.jobs.fewest, group.jobs.most)
        standing = self._standing(name)
        for _ in range(missing(standing, number)):
            asked = f"{name}-{next(group.numbers)}"
            self._cluster.worker_spec[asked] = {
                "cls": self._cluster.job_cls,
                "options": {**self._cluster.new_spec["options"], **group.words},
            }
        for asked in surplus(standing, number):
            del self._cluster.worker_spec[asked]

    @property
    def _scheduler(self) -> "Scheduler":
        found: Scheduler = self._cluster.scheduler
        return found

    def _tasks(self, on_gpus: bool) -> int:
        """Return the number of unfinished tasks that need a GPU, or of those that do not.

        For GPUs it is at least the number of workers that a training waits for, to start on all at once.
        """
        unfinished = ("queued", "no-worker", "processing", "waiting")
        tasks = sum(
            task.state in unfinished and bool((task.resource_restrictions or {}).get("GPU")) == on_gpus
            for task in self._scheduler.tasks.values()
        )
        section, key = TOGETHER
        together = (self._scheduler.task_metadata.get(section) or {}).get(key, 0)
        return max(tasks, int(together)) if on_gpus else tasks

    def _standing(self, group: str) -> JobStates:
        asked = tuple(name for name in self._cluster.worker_spec if name.rpartition("-")[0] == group)
        states = {str(state.name): bool(state.processing) for state in self._scheduler.workers.values()}
        return JobStates(
            asked,
            frozenset(name for name in asked if states.get(name) is False),
            frozenset(name for name in asked if states.get(name) is True),
        )

    async def _drop_gone(self, now: float) -> None:
        """Remove jobs that left the queue before their worker started, so that others are submitted in their place."""
        waiting = {
            str(job.job_id): name
            for name, job in self._cluster.workers.items()
            if name not in self._came and now - self._submitted.get(name, now) > _SHOWN_AFTER
        }
        if not (self._listing and waiting) or now - self._listed < _LIST_EVERY:
            return
        self._listed = now
        text = await asyncio.get_running_loop().run_in_executor(None, partial(ask, self._listing))
        if text is None:
            return
        there = {line.split()[0] for line in text.splitlines() if line.strip()}
        for number in sorted(set(waiting) - there):
            name = waiting[number]
            self._cluster.workers.pop(name, None)
            self._fail(f"job {number} ended before its worker came{last_words(self._logs)}")

    def _fail(self, trouble: str) -> None:
        """Record and log a failure, and delay the next submission."""
        if trouble != self.trouble:
            _LOGGER.warning("%s", trouble)
        self.trouble = trouble
        self.failures += 1
        self._not_before = time.monotonic() + delay(self.failures)


def ask(command: Sequence[str]) -> str | None:
    """Return the output of one of the batch system's commands; None where it fails or does not answer within 30 s."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603 - the batch system's own command
            command, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def last_words(folder: Path) -> str:
    """Return the end of the latest job log; empty where there is none."""
    logs = [path for path in folder.glob("*.err") if path.stat().st_size]
    if not logs:
        return ""
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    lines = newest.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f" ({newest} ends with: {' / '.join(line.strip() for line in lines[-3:])})"


def _said(error: Exception) -> str:
    """Return the batch system's message about a refused submission; dask-jobqueue puts it after `stderr:`."""
    text = str(error)
    return f"a job could not be submitted: {text.partition('stderr:')[2].strip() or text}"
