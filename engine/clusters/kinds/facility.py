"""A cluster made by a facility's own class, such as CernCluster, CoffeaCasaCluster or HTCGateway."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from lineshape.engine.clusters.cluster import LOGS, Cluster, is_loopback, require_closed_dashboard
from lineshape.engine.clusters.worker_counts import Scaled
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import load

if TYPE_CHECKING:
    from distributed import Client


class Facility(Scaled, Cluster):
    """A cluster class of a facility's package.

    Without `workers`, `minimum` and `maximum`, it has the workers that it starts with.
    """

    cluster: str
    """The cluster class, as "module:Class"."""
    settings: dict[str, Any] = {}
    """Keyword arguments of the class."""
    plain_tcp: bool = False
    """Whether the scheduler may be reached over plain TCP, through which anyone on the network can run code."""
    open_dashboard: bool = False
    """Whether the scheduler's dashboard may listen beyond loopback, where anyone on the network can reach it."""

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if ":" not in self.cluster:
            raise ValueError(f"cluster: expected 'module:Class', and it is '{self.cluster}'")
        return self

    def one(self) -> Self:
        """Return the same with one worker, where it is scaled at all."""
        scaled = self.workers or self.minimum is not None or self.maximum
        return self.model_copy(update={"workers": 1, "minimum": None, "maximum": None}) if scaled else self

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start the cluster, scale it, and close it when the block ends."""
        from distributed import Client

        with self._started() as cluster:
            self.scale(cluster)
            with Client(cluster, set_as_default=False) as client:
                self._require_closed(client)
                yield client

    def _require_closed(self, client: "Client") -> None:
        """Raise RequestError where anyone on the network could run code on the workers, unless settings allow it."""
        address = str(client.scheduler.address) if client.scheduler else ""
        protocol, _, rest = address.partition("://")
        if protocol == "tcp" and not (self.plain_tcp or is_loopback(rest.rpartition(":")[0])):
            raise RequestError(
                f"the scheduler of {self.cluster} speaks plain TCP on {address}, through which anyone on the network "
                "can run code on the workers: give it TLS among its settings, or say 'plain_tcp: true' under 'cluster:'"
            )
        if not self.open_dashboard:
            require_closed_dashboard(client, "give it a dashboard_address of 127.0.0.1:0 among its settings")

    def _started(self) -> Any:
        """Return the started cluster; raise RequestError where the class cannot be loaded or refuses its settings."""
        found = load(self.cluster, "install the facility's package, or use its environment")
        try:
            cluster = found(**self.settings)
        except Exception as error:
            raise RequestError(
                f"cluster.settings: {self.cluster} does not start with them: {type(error).__name__}: {error}"
            ) from error
        if not hasattr(cluster, "scheduler_address"):
            raise RequestError(
                f"cluster.cluster: {self.cluster} is no cluster of Dask: it gave a {type(cluster).__name__}; expected "
                "a class such as dask_lxplus:CernCluster"
            )
        return cluster
