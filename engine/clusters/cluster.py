"""What a cluster is: settings that open a Dask client."""

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


#: By which numerical libraries are told how many threads to start.
THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
#: Makes Python leave the working folder out of the places in which it looks for modules.
SAFE: Final = {"PYTHONSAFEPATH": "1"}
#: The folder for what clusters write, where none is given.
LOGS: Final = Path("logs")


class Cluster(Settings, ABC):
    """A kind of cluster. `open` gives a client and closes everything that it started when the block ends.

    wait: seconds without any worker after which a run stops.
    """

    wait: Annotated[float, Field(gt=0)] = 600

    @abstractmethod
    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start or join the cluster.

        scratch: a folder for what it writes, such as logs, which need not be there; all workers must see it.
        """
        yield  # type: ignore[misc]

    @property
    def promise(self) -> Promise:
        """What is known of its workers before they come."""
        return Promise()

    def one(self) -> Self:
        """The same with one worker of each sort, to try it out; itself where that is not for us to say."""
        return self

    @property
    def refusals(self) -> int:
        """How often in a row no worker came of what was asked for, and it is not for want of room."""
        return 0

    @property
    def trouble(self) -> str:
        """Why no worker comes, as far as the cluster knows."""
        return ""


#: Clusters, by kind.
CLUSTERS: Final = Role("cluster", "lineshape.engine.clusters.kinds", Cluster, "cluster")


def require_closed_dashboard(client: "Client", start: str) -> None:
    """Raise RequestError where a scheduler's dashboard listens beyond loopback: TLS does not cover it.

    start: how to start it closed.
    """

    # A function in a function is sent by value: the scheduler need not have lineshape installed.
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
    """Whether a host, by name or number, is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
