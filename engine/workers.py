"""Where tasks run: a Dask client, opened when the first task needs it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lineshape.engine.errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client


@dataclass
class Watch:
    """Looks whether there are workers, now and then.

    patience: seconds without any after which it is enough.
    """

    patience: float
    alone_since: float | None = None

    def look(self, any_worker: bool) -> None:
        """Raise ClusterError where there has been no worker for too long."""
        if any_worker:
            self.alone_since = None
            return
        self.alone_since = self.alone_since or time.monotonic()
        if time.monotonic() - self.alone_since > self.patience:
            raise ClusterError(
                f"the cluster has had no worker for {self.patience:.0f} s: start some, or see why they end"
            )


@dataclass
class Workers:
    """The workers of a run; a run with nothing left to do starts none.

    open: gives the client; called once, and only when there is work. patience: seconds without any worker after which
    a run stops.
    """

    open: "Callable[[], Client]"
    patience: float = 600

    @cached_property
    def client(self) -> "Client":
        """The client of their scheduler."""
        return self.open()

    @property
    def number(self) -> int:
        """How many there are now, at least one."""
        return max(1, len(self.client.scheduler_info(n_workers=-1)["workers"]))

    def any(self) -> bool:
        """Whether the scheduler answers and has a worker."""
        return self.client.status == "running" and bool(self.client.scheduler_info(n_workers=1)["workers"])
