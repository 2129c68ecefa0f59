"""Trainings to disturb, and what they left, to be compared.

python -m tests.faults.trainings JOB.json RUN_FOLDER
"""

import hashlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import psutil
from distributed import Client

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.learning.fit.history import FILE
from lineshape.engine.stages.training.stage import Trained, train
from lineshape.jobs import api


def train_with(job: api.Job, folder: RunFolder, workers: Workers) -> Trained:
    """Train on given workers."""
    with Screen().bars() as bars:
        return train(job, folder, workers, bars)


def at_work(client: Client) -> Callable[[], list[int]]:
    """Return a function that gives the processes of those workers of now that have a task."""
    pids = client.run(os.getpid)
    return lambda: [pids[address] for address, tasks in client.processing().items() if tasks and address in pids]


def rank_pids(of: int | None = None) -> list[int]:
    """The rank processes below a process, this one by default."""
    found = []
    for child in psutil.Process(of).children(recursive=True):
        try:
            if "lineshape.engine.learning.launch.rank" in child.cmdline():
                found.append(child.pid)
        except psutil.Error:
            continue
    return found


def steps(folder: RunFolder, model: str) -> int:
    """Epochs or rounds done so far, also of a training that is under way."""
    for path in [folder.models / model / FILE, *folder.models.glob(f".{model}.*.work/bundle/{FILE}")]:
        try:
            return len(path.read_text(encoding="utf-8").splitlines())
        except FileNotFoundError:
            continue
    return 0


class Striking:
    """Meanwhile, once a training has done so many steps, strike; and again for each further number."""

    def __init__(self, folder: RunFolder, model: str, after: list[int], strike: Callable[[], int | None]) -> None:
        self._folder, self._model, self._after, self._strike = folder, model, after, strike
        self._stop = Event()
        self._thread = Thread(target=self._watch)
        self.struck: list[int] = []

    def __enter__(self) -> "Striking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        for after in self._after:
            while not self._stop.is_set():
                if steps(self._folder, self._model) >= after and (pid := self._strike()):
                    self.struck.append(pid)
                    break
                time.sleep(0.01)


def kill(pids: list[int]) -> int | None:
    """SIGKILL to the first of these processes; which it was."""
    if not pids:
        return None
    os.kill(pids[0], signal.SIGKILL)
    return pids[0]


def digests(folder: RunFolder, model: str) -> dict[str, str]:
    """Of the files of a bundle that must be the same bit by bit."""
    found = {path.name: path for path in (folder.models / model).iterdir() if path.name != "bundle.json"}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(found.items())}


if __name__ == "__main__":
    with Local(workers=1).open() as opened:
        train_with(api.load(Path(sys.argv[1])), RunFolder(Path(sys.argv[2])), Workers(lambda: opened))
