"""A cluster of processes on this machine, listening on loopback only."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field

from lineshape.engine.clusters.cluster import LOGS, THREADS, Cluster
from lineshape.engine.clusters.forkserver import start_forkserver
from lineshape.engine.clusters.script import require_guard
from lineshape.engine.clusters.site import require_loopback, require_unencrypted, starting
from lineshape.engine.core.output import forgive

if TYPE_CHECKING:
    from distributed import Client, WorkerPlugin


class Local(Cluster):
    """Worker processes on this machine, each with one thread."""

    workers: Annotated[int, Field(gt=0)] | None = None
    """Number of workers; null: one for each core that this process may use."""
    gpus: Annotated[int, Field(ge=0)] | None = None
    """Number of GPUs declared by the first worker; null: all that CUDA finds; 0: none.
    Trainings take turns at all of them together, while the other workers process data.
    """
    memory: str = "auto"
    """Memory limit of each worker in Dask's notation, such as 4GiB; auto: Dask's own choice."""
    patience: Annotated[float, Field(ge=5)] = 60
    """Seconds without a heartbeat after which a worker is restarted and its tasks are given to others."""

    def one(self) -> Self:
        """Return the same cluster with one worker."""
        return self.model_copy(update={"workers": 1})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start the workers, and stop them when the block ends."""
        import dask
        from distributed import Client, Nanny, Scheduler, SpecCluster

        require_guard()
        require_unencrypted()
        require_loopback()
        workers = self.workers or len(os.sched_getaffinity(0))
        # The workers share the cores. Dask sets these variables in this process too, so PYTHONSAFEPATH is not among
        # them: other child processes of a notebook would no longer find its modules.
        environment = dict.fromkeys(THREADS, "1")
        settings = {
            # A worker that dies is restarted even on a slow machine, and no client waits for ever.
            "distributed.deploy.lost-worker-timeout": "600s",
            "distributed.scheduler.no-workers-timeout": "600s",
            "distributed.scheduler.allowed-failures": 3,
            "distributed.scheduler.worker-ttl": f"{self.patience}s",
            # Replaces Dask's, whose MALLOC_TRIM_THRESHOLD_ returns memory to the system after every batch.
            "distributed.nanny.pre-spawn-environ": environment,
            "distributed.worker.daemon": False,
            "distributed.worker.multiprocessing-method": "forkserver",
        }
        with dask.config.set(settings):
            start_forkserver(environment)
            options = {
                "host": "127.0.0.1",
                "nthreads": 1,
                "memory_limit": self.memory,
                # Workers are forked from an older process, so they are given the current environment.
                "env": {**os.environ, **environment},
                # Failures are returned as data; logs of workers while the cluster closes are noise.
                "silence_logs": logging.CRITICAL,
            }
            gpus = gpus_here() if self.gpus is None else self.gpus
            # Trainings take turns at all GPUs together, while processing uses the other workers.
            declared: list[dict[str, object]] = [{"resources": {"GPU": gpus}} if gpus else {}]
            specification = {
                number: {"cls": Nanny, "options": options | own}
                for number, own in enumerate(declared + [{}] * (workers - 1))
            }
            # Dask serves HTTP in any case; without an address it would take port 8787 from another cluster.
            scheduler = {
                "cls": Scheduler,
                "options": {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"},
            }
            with ExitStack() as opened:
                with starting("the local cluster"):
                    cluster = SpecCluster(workers=specification, scheduler=scheduler, silence_logs=logging.CRITICAL)
                    client = opened.enter_context(Client(opened.enter_context(cluster), set_as_default=False))
                    client.register_plugin(_well_behaved())
                yield client


def gpus_here() -> int:
    """Return the number of GPUs that CUDA finds here; torch, slow to import, is used only where there is a driver."""
    if not Path("/dev/nvidiactl").exists():
        return 0
    import torch

    return torch.cuda.device_count()


def _well_behaved() -> "WorkerPlugin":
    """Return the plugin that makes workers ignore Ctrl-C and tolerate closed output."""
    from distributed import WorkerPlugin

    class QuietInterrupt(WorkerPlugin):
        """A plugin that ignores Ctrl-C in workers: it is for the command, which then stops them."""

        name = "quiet-interrupt"

        def setup(self, worker: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # A processor's prints must not fail its chunk where the command's output is closed.
            forgive()

    return QuietInterrupt()
