"""What a cluster is: settings that open a Dask client."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineshape.engine.errors import RequestError
from lineshape.engine.settings import Settings

if TYPE_CHECKING:
    from distributed import Client, Scheduler


class Cluster(Settings, ABC):
    """A kind of cluster. `open` gives a client and closes everything that it started when the block ends."""

    @abstractmethod
    @contextmanager
    def open(self) -> Iterator["Client"]:
        """Start or join the cluster."""
        yield  # type: ignore[misc]


def require_closed_dashboard(client: "Client", start: str) -> None:
    """Raise RequestError where a scheduler's dashboard listens on every interface: TLS does not cover it.

    start: how to start it closed.
    """
    hosts = client.run_on_scheduler(_dashboard_hosts)
    if {"0.0.0.0", "::"} & set(hosts):  # noqa: S104 - looked for, not bound
        raise RequestError(
            "the scheduler's dashboard listens on every network interface, where anyone can see and stop the work: "
            f"{start}, or say 'open_dashboard: true' under 'cluster:' if that is meant"
        )


def _dashboard_hosts(dask_scheduler: "Scheduler") -> list[str]:
    sockets = getattr(dask_scheduler.http_server, "_sockets", {})
    return [str(socket.getsockname()[0]) for socket in sockets.values()]
