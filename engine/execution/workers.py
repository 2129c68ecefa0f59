"""Where tasks run: a Dask client, opened when the first task needs it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineshape.engine.core.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client


@dataclass
class Watch:
    """Looks whether there are workers, now and then.

    patience: seconds without any after which it is enough.
    """

    patience: float
    alone_since: float | None = None

    def look(self, any_worker: bool, trouble: Callable[[], str]) -> None:
        """Raise ClusterError where there has been no worker for too long. trouble: says why, if it can."""
        if any_worker:
            self.alone_since = None
            return
        self.alone_since = self.alone_since or time.monotonic()
        if time.monotonic() - self.alone_since > self.patience:
            why = trouble() or "start some, or see why they end"
            raise ClusterError(f"the cluster has had no worker for {self.patience:.0f} s: {why}")


@dataclass(frozen=True)
class Promise:
    """Workers that come when they are wanted, as far as that is known before; 0: nothing is known.

    workers: how many there may be. memory: of each, in bytes. gpus: of each that has any.
    """

    workers: int = 0
    memory: float = 0
    gpus: int = 0


#: Where on the scheduler a training says how many workers with GPUs it waits for, to start on all of them together.
TOGETHER: Final = ("lineshape", "together")


@dataclass
class Workers:
    """The workers of a run; a run with nothing left to do starts none.

    open: gives the client; called once, and only when there is work. patience: seconds without any worker after which
    a run stops. promise: of workers yet to come. trouble: says why none comes. refusals: how
    often in a row what was asked for came to nothing.
    """

    open: "Callable[[], Client]"
    patience: float = 600
    promise: Promise = Promise()
    trouble: Callable[[], str] = lambda: ""
    refusals: Callable[[], int] = lambda: 0

    @cached_property
    def client(self) -> "Client":
        """The client of their scheduler."""
        return self.open()

    @property
    def number(self) -> int:
        """How many there are or may come, at least one."""
        return max(1, self.promise.workers, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    def any(self) -> bool:
        """Whether the scheduler answers and has a worker."""
        return self.client.status == "running" and bool(self.client.scheduler_info(n_workers=1)["workers"])

    def want_together(self, number: int) -> None:
        """Ask a cluster whose workers with GPUs come when they are wanted for so many at once."""
        if self.promise.gpus and self.client.status == "running":
            self.client.set_metadata(list(TOGETHER), number)


def collect_logs(workers: Workers, folder: Path) -> Path | None:
    """Write what each worker of a run that failed said into a folder, where its jobs have not; None: nothing was said.

    A run that has opened no client has no workers.
    """
    if not folder.is_dir() and "client" in vars(workers) and workers.client.status == "running":
        try:
            said = workers.client.get_worker_logs(n=1000)
        except Exception:  # noqa: BLE001 - a cluster that is lost says no more; its loss has been told
            said = {}
        for address, lines in said.items():
            if lines:
                folder.mkdir(parents=True, exist_ok=True)
                name = address.rpartition("/")[2].replace(":", "_")
                text = "\n".join(str(line[1]) for line in reversed(lines))
                (folder / f"worker-{name}.log").write_text(text + "\n", encoding="utf-8")
    keys = ".pem"
    return folder if any(path.is_file() and path.suffix != keys for path in folder.rglob("*")) else None
