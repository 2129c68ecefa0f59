"""A thin executor on Dask: a bounded number of tasks in flight, results as they come, failures as data."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lineshape.engine.verdicts import Failure, back_off, classify, try_again

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Generic[Item, Result]):
    """Runs one function over many items on a client's workers.

    function: called as function(item); it may be called twice for one item, so it must be safe to repeat.
    in_flight: the most tasks that are with the scheduler at once.
    """

    def __init__(self, client: "Client", function: Callable[[Item], Result], in_flight: int | None = None) -> None:
        self._client = client
        self._function = function
        self._in_flight = in_flight

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Result | Failure]]:
        """Pairs of item and result, or the failure that was left after the last attempt, in order of arrival."""
        from distributed import as_completed

        waiting = iter(items)
        running: dict[Future[Any], tuple[Item, int]] = {}
        results = as_completed([], loop=self._client.loop)
        limit = self._in_flight or max(4, 3 * max(1, len(self._client.scheduler_info(n_workers=-1)["workers"])))

        def submit(item: Item, attempt: int) -> None:
            future = self._client.submit(_attempt, self._function, item, attempt, pure=False)
            running[future] = (item, attempt)
            results.add(future)

        try:
            for item in waiting:
                submit(item, 1)
                if len(running) >= limit:
                    break
            while running:
                future = next(results)
                item, attempt = running.pop(future)
                outcome: Any = future.result() if future.status == "finished" else classify(_exception(future))
                future.release()
                if isinstance(outcome, Failure) and try_again(outcome, attempt):
                    submit(item, attempt + 1)
                    continue
                yield item, outcome
                for item in waiting:
                    submit(item, 1)
                    break
        finally:
            self._client.cancel(list(running))


def _exception(future: "Future[Any]") -> BaseException:
    if future.status == "cancelled":
        return RuntimeError("the task was cancelled: the cluster lost its workers or its scheduler")
    error = future.exception()
    return error if isinstance(error, BaseException) else RuntimeError(str(error))


def _attempt(function: Callable[[Item], Result], item: Item, attempt: int) -> Result | Failure:
    """On a worker: the function's result, or its failure as data, as not every exception survives pickling."""
    if attempt > 1:
        time.sleep(back_off(attempt - 1))
    try:
        return function(item)
    except Exception as error:  # noqa: BLE001 - whatever a processor raises becomes data
        return classify(error)
