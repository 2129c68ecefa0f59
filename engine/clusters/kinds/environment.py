"""Join the cluster that a facility or notebook has prepared, as found by Dask's own configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from lineshape.engine.clusters.cluster import LOGS, Cluster
from lineshape.engine.clusters.kinds.gateway import Gateway, configured_address
from lineshape.engine.clusters.kinds.scheduler import Scheduler
from lineshape.engine.clusters.worker_counts import Scaled
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.validation import SettingsError, validated

if TYPE_CHECKING:
    from distributed import Client

#: Settings of a scheduler's PEM files, and their names in Dask's configuration.
_PEM: Final = {"ca": "ca-file", "certificate": "client.cert", "key": "client.key"}


class Environment(Scaled, Cluster):
    """The first found of: this process's Dask client; a scheduler, then a Gateway, in Dask's configuration.

    That configuration includes environment variables. `workers`, `minimum` and `maximum` apply to a Gateway's new
    cluster.
    """

    plain_tcp: bool = False
    """Whether a scheduler found may be reached over plain TCP, through which anyone on the network can run code."""
    open_dashboard: bool = False
    """Whether the dashboard of a scheduler found may listen beyond loopback."""
    plain_http: bool = False
    """Whether a Gateway found may be reached over plain HTTP, where anyone on the network can read the keys."""

    def one(self) -> Self:
        """Return the same with one worker, if a new cluster is started."""
        return self.model_copy(update={"workers": 1, "minimum": None, "maximum": None})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Join the cluster found; only a Gateway's new cluster is ended when the block ends."""
        if (client := _default_client()) is not None:
            yield client
            return
        with self.found().open(scratch) as client:
            yield client

    def found(self) -> Cluster:
        """Return the scheduler or Gateway of Dask's configuration; raise RequestError naming the places searched."""
        import dask

        if address := dask.config.get("scheduler-address", None):
            files = {name: dask.config.get(f"distributed.comm.tls.{key}", None) for name, key in _PEM.items()}
            pem = {name: path for name, path in files.items() if path}
            own: dict[str, Any] = {"plain_tcp": self.plain_tcp, "open_dashboard": self.open_dashboard}
            return _checked(Scheduler, f"scheduler {address}", {"address": address} | pem | own)
        if address := configured_address():
            scaled = {"workers": self.workers, "minimum": self.minimum, "maximum": self.maximum}
            return _checked(Gateway, f"Gateway {address}", scaled | {"plain_http": self.plain_http})
        raise RequestError(
            "cluster.kind: 'environment' found no cluster: expected a Dask client in this process, a scheduler's "
            "address (DASK_SCHEDULER_ADDRESS) or a Gateway's (DASK_GATEWAY__ADDRESS) in the environment or in Dask's "
            "configuration; say 'local' for worker processes of this machine"
        )


def _default_client() -> "Client | None":
    """Return the client that this process opened last, if it still exists."""
    from distributed import default_client

    try:
        found: Client = default_client()
    except ValueError:
        return None
    return found


def _checked(kind: type[Cluster], what: str, settings: dict[str, Any]) -> Cluster:
    """Return the cluster; raise RequestError where the environment's settings are incomplete or unsafe."""
    try:
        return validated(kind, settings)
    except SettingsError as error:
        said = "; ".join(fault.text for fault in error.faults)
        raise RequestError(f"cluster.kind: 'environment' found the {what} of Dask's configuration: {said}") from error
