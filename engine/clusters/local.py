"""A cluster of processes on this machine, listening on loopback only."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lineshape.engine.clusters.cluster import Cluster

if TYPE_CHECKING:
    from distributed import Client, WorkerPlugin

#: Threads of numerical libraries in each worker: the workers share the cores among them.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Local(Cluster):
    """Worker processes of one thread each.

    workers: their number, by default one for each core. memory: limit of each, as Dask writes it. patience: seconds
    without a sign of life after which a worker is started anew, and its tasks are given to others.
    """

    workers: Annotated[int, Field(gt=0)] | None = None
    memory: str = "auto"
    patience: Annotated[float, Field(ge=5)] = 60

    @contextmanager
    def open(self) -> Iterator["Client"]:
        """Start the workers and stop them when the block ends."""
        import dask
        from distributed import Client, LocalCluster

        workers = self.workers or len(os.sched_getaffinity(0))
        environment = dict.fromkeys(_THREADS, "1")
        settings = {
            # A worker that dies is started anew even on a slow machine, and no client waits for ever.
            "distributed.deploy.lost-worker-timeout": "600s",
            "distributed.scheduler.no-workers-timeout": "600s",
            "distributed.scheduler.allowed-failures": 3,
            "distributed.scheduler.worker-ttl": f"{self.patience}s",
            # In place of Dask's own, whose MALLOC_TRIM_THRESHOLD_ gives memory back after every batch of a training.
            "distributed.nanny.pre-spawn-environ": environment,
            "distributed.worker.daemon": False,
        }
        with dask.config.set(settings):
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=self.memory,
                host="127.0.0.1",
                # Dask serves HTTP in any case; with no address it would take port 8787 from another cluster.
                dashboard_address="127.0.0.1:0",
                # Failures come back as data; what workers log of a cluster that closes is noise.
                silence_logs=logging.CRITICAL,
            )
            with cluster, Client(cluster, set_as_default=False) as client:
                client.register_plugin(_quiet_interrupt())
                yield client


def _quiet_interrupt() -> "WorkerPlugin":
    from distributed import WorkerPlugin

    class QuietInterrupt(WorkerPlugin):
        """Ctrl-C is for the command, which then stops its workers; they need not each complain of it."""

        name = "quiet-interrupt"

        def setup(self, worker: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return QuietInterrupt()
