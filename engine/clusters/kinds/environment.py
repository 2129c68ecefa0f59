"""The cluster that a facility, or a notebook, has made ready: found where Dask itself looks for one."""

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

#: Of a scheduler's PEM files, as Dask's configuration and as we name them.
_PEM: Final = {"ca": "ca-file", "certificate": "client.cert", "key": "client.key"}


class Environment(Scaled, Cluster):
    """The first of: a client that this process has, a scheduler, a Gateway of Dask's configuration or environment.

    workers, minimum, maximum: of a Gateway's new cluster. plain_tcp, open_dashboard, plain_http: as of a scheduler and
    a Gateway, where what is found is not closed and that is meant.
    """

    plain_tcp: bool = False
    open_dashboard: bool = False
    plain_http: bool = False

    def one(self) -> Self:
        """The same with one worker of a new cluster."""
        return self.model_copy(update={"workers": 1, "minimum": None, "maximum": None})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Join what is there; only a new cluster of a Gateway is ended when the block ends."""
        if (client := _default_client()) is not None:
            yield client
            return
        with self.found().open(scratch) as client:
            yield client

    def found(self) -> Cluster:
        """The scheduler or Gateway of Dask's configuration; raises RequestError that says where was looked."""
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
    """The client that this process opened last, if it is still there."""
    from distributed import default_client

    try:
        found: Client = default_client()
    except ValueError:
        return None
    return found


def _checked(kind: type[Cluster], what: str, settings: dict[str, Any]) -> Cluster:
    """Raises RequestError where the environment's settings are not enough, or not safe."""
    try:
        return validated(kind, settings)
    except SettingsError as error:
        said = "; ".join(fault.text for fault in error.faults)
        raise RequestError(f"cluster.kind: 'environment' found the {what} of Dask's configuration: {said}") from error
