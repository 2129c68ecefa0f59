"""What stages of a pilot cost: time of their tasks and of the whole, pace of trainings, memory and disk."""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.workers import Workers
from lineshape.engine.stages.training.trainer import TOPIC, train_part

if TYPE_CHECKING:
    from distributed import Client

#: Parts of a run folder whose size grows with the data.
PARTS: Final = ("simulated", "features", "histograms", "variations")
_TRAINING: Final = train_part.__name__


@dataclass(frozen=True)
class StageCost:
    """Time that a stage took: of the whole, and of each of its tasks on workers, in seconds.

    trainings: of those of the tasks that are trainings. grows: whether it takes longer for more data.
    """

    seconds: float
    tasks: tuple[float, ...] = ()
    trainings: tuple[float, ...] = ()
    grows: bool = True

    @property
    def busy(self) -> float:
        """Time of all tasks but trainings."""
        return sum(self.tasks)


@dataclass(frozen=True)
class Pace:
    """Time of a step of a training, in seconds, and the number of steps done."""

    step: float
    done: float


@dataclass
class PilotCosts:
    """Costs of a pilot.

    share: of the whole job. stages: in order. paces: by training. memory: largest of a worker, bytes. disk: of parts of
    the run folder, bytes.
    """

    share: float
    stages: dict[str, StageCost] = field(default_factory=dict)
    paces: dict[str, Pace] = field(default_factory=dict)
    memory: float = 0.0
    disk: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, workers: Workers, grows: bool = True) -> Iterator[None]:
        """Note what the block costs, as a stage of this name. grows: whether it takes longer for more data."""
        from distributed import get_task_stream

        started = time.monotonic()
        with get_task_stream(workers.client) as stream:
            yield
        seconds = time.monotonic() - started
        own: list[float] = []
        trainings: list[float] = []
        for task in stream.data:
            took = sum(each["stop"] - each["start"] for each in task["startstops"] if each["action"] == "compute")
            (trainings if str(task["key"]).startswith(_TRAINING) else own).append(took)
        self.stages[name] = StageCost(seconds, tuple(own), tuple(trainings), grows)

    def note_trainings(self, client: "Client", since: float) -> None:
        """Note the pace of the trainings that reported their progress after a time, as time.time() gives it."""
        points: dict[str, list[tuple[float, float]]] = {}
        for when, said in client.get_events(TOPIC):
            if when >= since and isinstance(said, dict):
                points.setdefault(said["name"], []).append((when, float(said["done"])))
        self.paces = {name: pace for name, own in points.items() if (pace := _pace(own))}

    def note_memory(self, workers: Workers) -> None:
        """Note the largest memory of a worker, with that of a process that it started."""
        self.memory = max([self.memory, *workers.client.run(_largest_memory).values()])

    def note_disk(self, folder: RunFolder) -> None:
        """Note the size of the parts of the run folder."""
        self.disk = {name: size for name in PARTS if (size := _size(folder.path / name))}


def _pace(points: list[tuple[float, float]]) -> Pace | None:
    """Return the pace between the first report of a training and its last one; None where it made no step between."""
    (start, before), (stop, after) = points[0], max(points, key=lambda point: point[1])
    if after <= before or stop <= start:
        return None
    return Pace((stop - start) / (after - before), after)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _largest_memory() -> float:
    """Return the largest memory of this process and of one that it started, in bytes; called on a worker."""
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return float(sum(resource.getrusage(each).ru_maxrss for each in who) * unit)
