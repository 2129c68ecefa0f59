"""The base class of clusters: settings that open a Dask client."""

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import Field

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings
from lineshape.engine.execution.workers import Promise

if TYPE_CHECKING:
    from distributed import Client, Scheduler


#: Environment variables for the number of threads of numerical libraries.
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
#: Environment that excludes the working folder from Python's module search path.
SAFE: Final = {"PYTHONSAFEPATH": "1"}
#: Default folder for files that clusters write.
LOGS: Final = Path("logs")


class Cluster(Settings, ABC):
    """A kind of cluster. `open` yields a client, and closes everything that it started when the block ends."""

    wait: Annotated[float, Field(gt=0)] = 600
    """Seconds without any worker after which a run stops."""

    @abstractmethod
    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start or join the cluster.

        scratch: folder for files such as logs, created if necessary; all workers must see it.
        """
        yield  # type: ignore[misc]

    @property
    def promise(self) -> Promise:
        """What is known of its workers before they start."""
        return Promise()

    def one(self) -> Self:
        """Return the same cluster with one worker of each sort, for a test; itself if the number cannot be chosen."""
        return self

    @property
    def refusals(self) -> int:
        """Number of consecutive requests for a worker that failed for a reason other than lack of room."""
        return 0

    @property
    def trouble(self) -> str:
        """Reason why no worker comes, as far as the cluster knows it; else empty."""
        return ""


#: Clusters, by kind.
CLUSTERS: Final = Role("cluster", "lineshape.engine.clusters.kinds", Cluster, "cluster")


def require_closed_dashboard(client: "Client", start: str) -> None:
    """Raise RequestError where a scheduler's dashboard listens beyond loopback, as TLS does not protect it.

    start: advice on how to start it closed.
    """

    # A nested function is pickled by value: the scheduler need not have lineshape installed.
    def hosts(dask_scheduler: "Scheduler") -> list[str]:
        sockets = getattr(dask_scheduler.http_server, "_sockets", None)
        if sockets is None:
            return ["an address that this version of distributed does not tell"]
        return [str(socket.getsockname()[0]) for socket in sockets.values()]

    found = [host for host in client.run_on_scheduler(hosts) if not is_loopback(host)]
    if found:
        raise RequestError(
            f"the scheduler's dashboard listens on {', '.join(found)}, where anyone on the network can see and stop "
            f"the work: {start}, or say 'open_dashboard: true' under 'cluster:' if that is meant"
        )


def is_loopback(host: str) -> bool:
    """Return whether a host, given by name or address, is this machine's loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
