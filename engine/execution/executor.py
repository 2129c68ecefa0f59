"""A thin executor on Dask: a bounded number of tasks in flight, results in order of arrival, failures as data."""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lineshape.engine.core.errors import ClusterError, StorageError
from lineshape.engine.execution.failures import Cause, Failure, back_off, classify, try_again
from lineshape.engine.execution.imported import note_imported
from lineshape.engine.execution.workers import Watch, Workers

if TYPE_CHECKING:
    from distributed import Future

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Tasks at the scheduler per worker: one running, and others so that the worker never waits for the next.
TASKS_A_WORKER = 3
#: Seconds between two checks of the number of workers.
_ASK_AGAIN = 5.0


class Executor(Generic[Item, Result]):
    """Executor of one function over many items on the workers.

    function: called as function(item); it may be called twice for one item, so it must be safe to repeat.
    in_flight: maximum number of tasks at the scheduler; None: a few for each worker.
    """

    def __init__(self, workers: Workers, function: Callable[[Item], Result], in_flight: int | None = None) -> None:
        self._workers = workers
        self._function = function
        self._in_flight = in_flight

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Result | Failure]]:
        """Yield pairs of item and result, or of item and the failure of its last attempt, in order of arrival.

        Raises StorageError where the run's own files cannot be written, ClusterError where the cluster is lost.
        """
        waiting = iter(items)
        try:
            waiting = chain([next(waiting)], waiting)
        except StopIteration:
            return
        client = self._workers.client
        running: dict[Future[Any], tuple[Item, int]] = {}
        finished: SimpleQueue[Future[Any]] = SimpleQueue()
        room = _Room(self._workers, self._in_flight)

        def submit(item: Item, attempt: int) -> None:
            future = client.submit(_attempt, self._function, item, attempt, pure=False)
            running[future] = (item, attempt)
            future.add_done_callback(finished.put)

        def fill() -> None:
            for item in islice(waiting, max(0, room.most() - len(running))):
                submit(item, 1)

        try:
            fill()
            while running:
                future = self._next(finished)
                if future.status in {"lost", "pending"}:  # its result was lost with a worker; Dask recomputes it
                    future.add_done_callback(finished.put)
                    continue
                item, attempt = running.pop(future)
                outcome = _outcome(future)
                future.release()
                if isinstance(outcome, Failure) and try_again(outcome, attempt):
                    submit(item, attempt + 1)
                    continue
                if isinstance(outcome, Failure) and outcome.cause is Cause.STORAGE:
                    raise StorageError(outcome.reason)
                if isinstance(outcome, Failure) and outcome.cause is Cause.CLUSTER:
                    raise ClusterError(outcome.reason)
                yield item, outcome
                fill()
        finally:
            if client.status == "running":
                client.cancel(list(running))

    def _next(self, finished: "SimpleQueue[Future[Any]]") -> "Future[Any]":
        """Return the next finished task; raise ClusterError where there has been no worker for too long."""
        watch = Watch(self._workers.patience)
        while True:
            try:
                return finished.get(timeout=_ASK_AGAIN)
            except Empty:
                watch.look(self._workers.any(), self._workers.trouble)


class _Room:
    """The maximum number of tasks at the scheduler: fixed, or a few per worker, following the number of workers."""

    def __init__(self, workers: Workers, fixed: int | None) -> None:
        self._workers = workers
        self._fixed = fixed
        self._most = 0
        self._asked = -math.inf

    def most(self) -> int:
        """Return the current maximum."""
        if self._fixed:
            return self._fixed
        if time.monotonic() - self._asked > _ASK_AGAIN:
            self._most = max(4, TASKS_A_WORKER * self._workers.number)
            self._asked = time.monotonic()
        return self._most


def _outcome(future: "Future[Any]") -> Any:
    """Return a task's result or failure; a result can still be lost with its worker while it is fetched."""
    if future.status == "cancelled":
        return Failure(Cause.CLUSTER, "the cluster was lost: its scheduler ended, or cannot be reached any more")
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - whatever Dask raises becomes data
        return classify(error)


def _attempt(function: Callable[[Item], Result], item: Item, attempt: int) -> Result | Failure:
    """Return, on a worker, the function's result, or its failure as data, as not every exception can be pickled."""
    if attempt > 1:
        time.sleep(back_off(attempt - 1))
    try:
        return function(item)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a processor raises becomes data
        return classify(error)
    finally:
        note_imported()
