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
from lineshape.engine.clusters.site import require_loopback, require_unencrypted, starting
from lineshape.engine.core.output import forgive

if TYPE_CHECKING:
    from distributed import Client, WorkerPlugin


class Local(Cluster):
    """Worker processes of one thread each.

    workers: their number, by default one for each core. gpus: those that the first of them declares, by default all
    that CUDA sees here. memory: limit of each, as Dask writes it. patience: seconds without a sign of life after which
    a worker is started anew, and its tasks are given to others.
    """

    workers: Annotated[int, Field(gt=0)] | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None
    memory: str = "auto"
    patience: Annotated[float, Field(ge=5)] = 60

    def one(self) -> Self:
        """The same with one worker."""
        return self.model_copy(update={"workers": 1})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start the workers and stop them when the block ends."""
        import dask
        from distributed import Client, Nanny, Scheduler, SpecCluster

        require_unencrypted()
        require_loopback()
        workers = self.workers or len(os.sched_getaffinity(0))
        # The workers share the cores among them. Dask sets these in this process as well, and so a safe path is none of
        # them, by which what a notebook starts beside would no longer find its modules.
        environment = dict.fromkeys(THREADS, "1")
        settings = {
            # A worker that dies is started anew even on a slow machine, and no client waits for ever.
            "distributed.deploy.lost-worker-timeout": "600s",
            "distributed.scheduler.no-workers-timeout": "600s",
            "distributed.scheduler.allowed-failures": 3,
            "distributed.scheduler.worker-ttl": f"{self.patience}s",
            # In place of Dask's own, whose MALLOC_TRIM_THRESHOLD_ gives memory back after every batch of a training.
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
                # As workers are forked from an older process, they are told what the environment is now.
                "env": {**os.environ, **environment},
                # Failures come back as data; what workers log of a cluster that closes is noise.
                "silence_logs": logging.CRITICAL,
            }
            gpus = gpus_here() if self.gpus is None else self.gpus
            # Trainings take turns at all GPUs together, and processing has the other workers meanwhile.
            declared: list[dict[str, object]] = [{"resources": {"GPU": gpus}} if gpus else {}]
            specification = {
                number: {"cls": Nanny, "options": options | own}
                for number, own in enumerate(declared + [{}] * (workers - 1))
            }
            # Dask serves HTTP in any case; with no address it would take port 8787 from another cluster.
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
    """GPUs of this machine that CUDA sees; torch, which takes seconds to import, is asked where there is a driver."""
    if not Path("/dev/nvidiactl").exists():
        return 0
    import torch

    return torch.cuda.device_count()


def _well_behaved() -> "WorkerPlugin":
    from distributed import WorkerPlugin

    class QuietInterrupt(WorkerPlugin):
        """Ctrl-C is for the command, which then stops its workers; they need not each complain of it."""

        name = "quiet-interrupt"

        def setup(self, worker: Any) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            # What a processor prints must not fail its chunk, whatever became of the command's output.
            forgive()

    return QuietInterrupt()
