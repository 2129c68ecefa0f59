"""Decide how many jobs are wanted, and which to end, from the current state, without I/O."""

from dataclasses import dataclass, field

#: Maximum number of a group's jobs submitted at once, so that the batch system is not flooded.
AT_ONCE = 20


@dataclass(frozen=True)
class JobStates:
    """The current state of a group of jobs.

    asked: names of jobs that are submitted or about to be, oldest first. idle: those whose worker has started and has
    no task. busy: those whose worker has one. All others wait in the batch system's queue.
    """

    asked: tuple[str, ...]
    idle: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()


@dataclass
class Demand:
    """Recent maximum of the number of tasks: between two stages there are none for a moment, and jobs are expensive.

    memory: seconds for which a number is remembered.
    """

    memory: float
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def see(self, now: float, tasks: int) -> int:
        """Record the current number of unfinished tasks, and return the recent maximum."""
        self._seen = [(when, n) for when, n in self._seen if now - when <= self.memory and n > tasks]
        self._seen.append((now, tasks))
        return max(n for _, n in self._seen)


def wanted(tasks: int, fewest: int, most: int) -> int:
    """Return the number of jobs wanted for so many tasks: one each, within the group's limits."""
    return min(max(tasks, fewest), most)


def missing(standing: JobStates, number: int) -> int:
    """Return the number of jobs to submit now."""
    return min(max(number - len(standing.asked), 0), AT_ONCE)


def surplus(standing: JobStates, number: int) -> list[str]:
    """Return the jobs to end: the latest in the queue first, then idle ones; never a busy one."""
    youngest = standing.asked[::-1]
    queued = [name for name in youngest if name not in standing.idle | standing.busy]
    idle = [name for name in youngest if name in standing.idle]
    return (queued + idle)[: max(len(standing.asked) - number, 0)]


def delay(failures: int) -> float:
    """Return the seconds to wait after so many consecutive failed submissions: 0, 5, 10, 20, …, 300."""
    return min(5.0 * 2 ** (failures - 1), 300.0) if failures else 0.0
