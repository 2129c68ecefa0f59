"""Runs to disturb, and what they left, to be compared."""

import hashlib
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.stages.histogramming.stage import histogram
from lineshape.engine.stages.processing.stage import process
from lineshape.engine.stages.training.stage import train
from lineshape.jobs import api
from tests.conftest import small_job

KIND = "tests.faults.faulty:Faulty"


def faulty_job(files: list[Path] | list[str], faults: Path, **changes: object) -> Job:
    """The tau energy scale on files, with one network, and the faults that a folder says, in chunks of 100 entries."""
    faults.mkdir(exist_ok=True)
    processor = {"processor.kind": KIND, "processor.folder": str(faults)}
    alone = {"chunk_entries": 100, "models.dnn.own_process": True}
    values = small_job(files, **alone | processor | changes).model_dump(mode="json")
    del values["models"]["mdn"]
    return Job.model_validate(values | {"search": {}, "claims": {}})


def run(job: Job, folder: Path, workers: int = 2, **local: object) -> FeatureStore:
    """Process on a cluster of its own."""
    with Local(workers=workers, **local).open() as client:  # type: ignore[arg-type]
        return process_with(job, folder, Workers(lambda: client))


def process_with(job: Job, folder: Path, workers: Workers) -> FeatureStore:
    """Process on given workers."""
    files = {name: list(sample.files) for name, sample in job.samples.items()}
    with Screen().bars() as bars:
        return process(job, RunFolder(folder), workers, bars, files)


def content(folder: Path) -> dict[str, str]:
    """Digest of every file of a feature store and of the histograms that must be the same bit by bit.

    ROOT files hold the time of writing; what they hold is in the JSON beside them. What a killed process had begun to
    write has a hidden name.
    """
    found = {}
    for part in ("features", "histograms"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and path.suffix != ".root" and path.name[0] != "." and path.name != "catalogue.json":
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def worker_pids() -> list[int]:
    """The worker processes of local clusters that this process started, oldest first.

    They are forked from one that this process started, and share its command line.
    """
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if all("multiprocessing.forkserver" in " ".join(each.cmdline()) for each in (child, child.parent())):
                found.append(child.pid)
        except (psutil.Error, AttributeError):
            continue
    return found


@contextmanager
def killing_workers(folder: Path, every: int, seed: int) -> Iterator[list[int]]:
    """Meanwhile one random worker that is started in it gets SIGKILL whenever so many more shards are in a folder.

    Gives those killed. A moment is a number of shards, not a time: a busy machine takes longer to start a worker than
    an idle one to do all the work.
    """
    killed: list[int] = []
    stop = threading.Event()
    rng = random.Random(seed)
    others = set(worker_pids())

    def kill() -> None:
        made = 0
        while not stop.wait(0.02):
            now = len(list(folder.rglob("*.parquet")))
            pids = [pid for pid in worker_pids() if pid not in others]
            if now >= made + every and pids:
                made, pid = now, rng.choice(pids)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stop.set()
        thread.join()


def process_and_histogram(job: Path, folder: Path, workers: Workers) -> None:
    """Process and histogram a job file, with the models that need no training."""
    loaded = api.load(job)
    process_with(loaded, folder, workers)
    with Screen().bars() as bars:
        train(loaded, RunFolder(folder), workers, bars, ["combined", "particle_flow"])
        histogram(loaded, RunFolder(folder), workers, bars)


if __name__ == "__main__":  # the driver that is killed
    with Local(workers=2).open() as opened:
        process_and_histogram(Path(sys.argv[1]), Path(sys.argv[2]), Workers(lambda: opened))
