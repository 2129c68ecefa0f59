"""Extrapolate the costs of two pilots to the whole job: pure arithmetic."""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lineshape.engine.planning.costs import PilotCosts, StageCost

#: Relative uncertainty of a time that was measured once, of the same work repeated on a shared machine.
TIMING: Final = 0.08


@dataclass(frozen=True)
class Estimate:
    """A number with its uncertainty, a standard deviation."""

    value: float
    error: float = 0.0

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.value + other.value, math.hypot(self.error, other.error))

    def times(self, factor: float) -> "Estimate":
        """Return the estimate multiplied by a number."""
        return Estimate(self.value * factor, self.error * abs(factor))


@dataclass(frozen=True)
class Training:
    """Trainings of a model: how many there are, and how long each takes at most, s.

    steps: of each. stops: whether it may stop earlier; false where the number is that of an earlier run.
    """

    model: str
    number: int
    seconds: Estimate
    steps: int
    stops: bool


@dataclass(frozen=True)
class StageForecast:
    """Forecast of a stage.

    busy: time of its tasks, s. serial: time in which the workers wait for the command, s. longest: its longest task, s.
    trainings: those of the stage, of which each is one task.
    """

    stage: str
    busy: Estimate
    serial: Estimate
    longest: float = 0.0
    trainings: tuple[Training, ...] = ()

    @property
    def work(self) -> Estimate:
        """Time of all tasks, trainings among them, s."""
        return sum((each.seconds.times(each.number) for each in self.trainings), self.busy)

    def wall(self, workers: int) -> Estimate:
        """Time that it takes with a number of workers, s."""
        whole = self.serial + (self.busy.times(1 / workers) if self.busy.value else Estimate(0.0))
        whole = Estimate(max(whole.value, self.serial.value + self.longest), whole.error)
        if not self.trainings:
            return whole
        each = [one.seconds.value for one in self.trainings for _ in range(one.number)]
        spread = math.hypot(*(one.seconds.error * one.number for one in self.trainings))
        total = makespan(each, workers)
        return whole + Estimate(total, spread * total / sum(each) if sum(each) else 0.0)


@dataclass(frozen=True)
class Forecast:
    """Forecast of a job: its stages, bytes on disk by part of the run folder, and bytes of memory of a worker."""

    stages: tuple[StageForecast, ...]
    disk: Mapping[str, Estimate] = field(default_factory=dict)
    memory: float = 0.0

    def wall(self, workers: int) -> Estimate:
        """Time of all stages with a number of workers, s."""
        return sum((stage.wall(workers) for stage in self.stages), Estimate(0.0))

    @property
    def work(self) -> Estimate:
        """Time of all tasks of all stages, s."""
        return sum((stage.work for stage in self.stages), Estimate(0.0))

    def bottleneck(self, workers: int) -> StageForecast:
        """Return the stage that takes longest with a number of workers."""
        return max(self.stages, key=lambda stage: stage.wall(workers).value)


def makespan(tasks: Iterable[float], workers: int) -> float:
    """Return when the last of tasks ends that are given to free workers in this order."""
    free = [0.0] * workers
    for task in tasks:
        heapq.heappush(free, heapq.heappop(free) + task)
    return max(free)


def extrapolated(small: Estimate, large: Estimate, shares: tuple[float, float]) -> Estimate:
    """Return a cost at a share of 1 from that at two smaller ones, as a + b × share with a and b of at least zero."""
    low, high = shares
    if high >= 1:
        return large
    reach = (1 - high) / (high - low)
    value = large.value + (large.value - small.value) * reach
    error = math.hypot(large.error * (1 + reach), small.error * reach)
    lowest, highest = large.value, large.value / high
    # Where a limit is met, what is known is that and not more.
    error = min(error, (highest - lowest) / 2 + large.error / high)
    return Estimate(min(max(value, lowest), highest), error)


def measured(value: float) -> Estimate:
    """Return a time with the uncertainty of its timing."""
    return Estimate(value, TIMING * value)


@dataclass(frozen=True)
class ModelSteps:
    """What is known of a model's trainings: their names in the pilot, their number in the job, and their steps."""

    names: tuple[str, ...]
    number: int
    steps: int
    stops: bool


def forecast_of(small: PilotCosts, large: PilotCosts, models: Mapping[str, ModelSteps], workers: int) -> Forecast:
    """Return the forecast of a job from two pilots, of which the second is larger.

    models: by name, those that are trained. workers: of the pilots.
    """
    shares = small.share, large.share
    stages = []
    for name, cost in large.stages.items():
        before = small.stages.get(name, StageCost(0.0))
        busy = measured(cost.busy)
        if cost.grows:
            busy = extrapolated(measured(before.busy), busy, shares)
        trainings: tuple[Training, ...] = ()
        if cost.trainings:
            starts = _starts(small), _starts(large)
            # In the order in which they are given to workers: those last in the job file first.
            trainings = tuple(
                _training(model, plan, small, large, starts) for model, plan in reversed([*models.items()])
            )
        parallel = min(workers, max(1, len(cost.tasks) + len(cost.trainings)))
        serial = max(0.0, cost.seconds - (cost.busy + sum(cost.trainings)) / parallel)
        longest = max(cost.tasks, default=0.0)
        stages.append(StageForecast(name, busy, Estimate(serial, serial / 2), longest, trainings))
    disk = {
        name: extrapolated(Estimate(small.disk.get(name, 0)), Estimate(size, 0.02 * size), shares)
        for name, size in large.disk.items()
    }
    return Forecast(tuple(stages), disk, max(small.memory, large.memory))


def _starts(costs: PilotCosts) -> float:
    """Return the mean time that trainings of a pilot took beside their steps, s."""
    trainings = [each for stage in costs.stages.values() for each in stage.trainings]
    steps = sum(pace.step * pace.done for pace in costs.paces.values())
    return max(0.0, sum(trainings) - steps) / max(1, len(trainings))


def _training(
    model: str, plan: ModelSteps, small: PilotCosts, large: PilotCosts, starts: tuple[float, float]
) -> Training:
    """Return the forecast of a model's trainings: a start, and steps at the pace of the whole data."""
    shares = small.share, large.share

    def pace(costs: PilotCosts) -> Estimate | None:
        own = [costs.paces[name].step for name in plan.names if name in costs.paces]
        return Estimate(sum(own) / len(own), TIMING * sum(own) / len(own)) if own else None

    first, second = (Estimate(each, 0.3 * each) for each in starts)
    start = extrapolated(first, second, shares)
    before, after = pace(small), pace(large)
    if after is None:
        return Training(model, plan.number, start, plan.steps, plan.stops)
    step = extrapolated(before, after, shares) if before else after
    return Training(model, plan.number, start + step.times(plan.steps), plan.steps, plan.stops)
