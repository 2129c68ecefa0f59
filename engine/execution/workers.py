"""Workers that tasks run on: a Dask client, opened when the first task needs it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineshape.engine.core.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client


@dataclass
class Watch:
    """Watch for the absence of workers.

    patience: seconds without a worker after which it is an error.
    """

    patience: float
    alone_since: float | None = None

    def look(self, any_worker: bool, trouble: Callable[[], str]) -> None:
        """Raise ClusterError where there has been no worker for too long. trouble: returns the reason, if known."""
        if any_worker:
            self.alone_since = None
            return
        self.alone_since = self.alone_since or time.monotonic()
        if time.monotonic() - self.alone_since > self.patience:
            why = trouble() or "start some, or see why they end"
            raise ClusterError(f"the cluster has had no worker for {self.patience:.0f} s: {why}")


@dataclass(frozen=True)
class Promise:
    """Workers that a cluster starts on demand, as far as known in advance; 0: unknown.

    workers: the most that there may be. memory: of each, in bytes. gpus: GPUs of each worker that has any.
    """

    workers: int = 0
    memory: float = 0
    gpus: int = 0


#: Key of the scheduler's metadata for the number of GPU workers that a training waits for, to start on all at once.
TOGETHER: Final = ("lineshape", "together")


@dataclass
class Workers:
    """The workers of a run; they are started only when there is work.

    open: returns the client; called at most once. patience: seconds without any worker after which a run stops.
    promise: workers that the cluster will start on demand. trouble: returns why no worker comes. refusals: returns the
    number of consecutive failed requests for workers.
    """

    open: "Callable[[], Client]"
    patience: float = 600
    promise: Promise = Promise()
    trouble: Callable[[], str] = lambda: ""
    refusals: Callable[[], int] = lambda: 0

    @cached_property
    def client(self) -> "Client":
        """Client of the workers' scheduler."""
        return self.open()

    @property
    def opened(self) -> bool:
        """Whether the client was asked for."""
        return "client" in vars(self)

    @property
    def number(self) -> int:
        """Number of workers that there are or may come, at least 1."""
        return max(1, self.promise.workers, len(worker_infos(self.client)))

    def any(self) -> bool:
        """Return whether the scheduler answers and has a worker."""
        return self.client.status == "running" and bool(worker_infos(self.client, most=1))

    def want_together(self, number: int) -> None:
        """Ask a cluster that starts GPU workers on demand for this many at once."""
        if self.promise.gpus and self.client.status == "running":
            self.client.set_metadata(list(TOGETHER), number)


def worker_infos(client: "Client", most: int = -1) -> dict[str, Any]:
    """Return what the scheduler knows of its workers, by address; nothing where it does not answer.

    most: the number of workers to ask for; -1: all.
    """

    # Client.scheduler_info() returns an attribute that the client's timer may overwrite meanwhile, with no workers.
    async def ask() -> dict[str, Any]:
        if client.scheduler is None:
            return {}
        try:
            found: dict[str, Any] = (await client.scheduler.identity(n_workers=most))["workers"]
        except OSError:
            return {}
        return found

    answer: dict[str, Any] = client.sync(ask)
    return answer


def collect_logs(workers: Workers, folder: Path) -> Path | None:
    """Write each worker's log to a folder after a failed run, unless its jobs wrote theirs; return the folder.

    Returns None where there are no logs, as in a run that has opened no client and so has no workers.
    """
    if not folder.is_dir() and workers.opened and workers.client.status == "running":
        try:
            said = workers.client.get_worker_logs(n=1000)
        except Exception:  # noqa: BLE001 - a lost cluster has no logs; its loss has been reported
            said = {}
        for address, lines in said.items():
            if lines:
                folder.mkdir(parents=True, exist_ok=True)
                name = address.rpartition("/")[2].replace(":", "_")
                text = "\n".join(str(line[1]) for line in reversed(lines))
                (folder / f"worker-{name}.log").write_text(text + "\n", encoding="utf-8")
    keys = ".pem"
    return folder if any(path.is_file() and path.suffix != keys for path in folder.rglob("*")) else None
