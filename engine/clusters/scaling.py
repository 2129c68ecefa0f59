"""How many jobs there are to be: decided from what stands, without I/O."""

from dataclasses import dataclass, field

#: Jobs of a group that are submitted at once, so that a batch system is not flooded.
AT_ONCE = 20


@dataclass(frozen=True)
class JobStates:
    """A group of jobs as it stands.

    asked: names of jobs that are submitted or about to be, oldest first. idle: those whose worker has come and has no
    task. busy: those whose worker has one. All others wait in the batch system's queue.
    """

    asked: tuple[str, ...]
    idle: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()


@dataclass
class Demand:
    """The most tasks that there were lately: between two stages there are none for a moment, and jobs are dear.

    memory: seconds for which it is remembered.
    """

    memory: float
    _seen: list[tuple[float, int]] = field(default_factory=list)

    def see(self, now: float, tasks: int) -> int:
        """Take note of how many unfinished tasks there are now; returns the most of late."""
        self._seen = [(when, n) for when, n in self._seen if now - when <= self.memory and n > tasks]
        self._seen.append((now, tasks))
        return max(n for _, n in self._seen)


def wanted(tasks: int, fewest: int, most: int) -> int:
    """Jobs for so many tasks: one each, as far as the group allows."""
    return min(max(tasks, fewest), most)


def missing(standing: JobStates, number: int) -> int:
    """How many to submit now."""
    return min(max(number - len(standing.asked), 0), AT_ONCE)


def surplus(standing: JobStates, number: int) -> list[str]:
    """Which to give back: the youngest that still wait in the queue, then idle ones; none that is at work."""
    youngest = standing.asked[::-1]
    queued = [name for name in youngest if name not in standing.idle | standing.busy]
    idle = [name for name in youngest if name in standing.idle]
    return (queued + idle)[: max(len(standing.asked) - number, 0)]


def delay(failures: int) -> float:
    """Seconds to wait after so many submissions in a row that came to nothing: 0, 5, 10, 20, … 300."""
    return min(5.0 * 2 ** (failures - 1), 300.0) if failures else 0.0
