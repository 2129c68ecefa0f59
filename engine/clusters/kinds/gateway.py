"""A cluster of a Dask Gateway, which starts and watches over clusters of its users, by its address."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from lineshape.engine.clusters.cluster import LOGS, Cluster, is_loopback
from lineshape.engine.clusters.worker_counts import Scaled
from lineshape.engine.core.errors import ClusterError, RequestError

if TYPE_CHECKING:
    from distributed import Client


class Gateway(Scaled, Cluster):
    """A new cluster of a Gateway, ended when the run ends, or one that is there already, which goes on.

    address: of the Gateway, as in https://gateway.example; by default that of Dask's configuration
    (DASK_GATEWAY__ADDRESS). proxy_address: of its way to the schedulers, where that is another one.
    auth: how it knows its users (basic, kerberos, jupyterhub or a class); passwords and tokens stay in Dask's
    configuration (DASK_GATEWAY__AUTH__KWARGS), as a run folder keeps the job.
    cluster: the name of one that is there. options: of a new one, whatever this Gateway lets its users choose.
    workers: how many it is scaled to; minimum, maximum: between how many it is to scale itself instead.
    plain_http: yes to an address through which anyone on the network can read the keys of the cluster.

    Between client, scheduler and workers it is the Gateway that sees to TLS.
    """

    address: str = ""
    proxy_address: str = ""
    auth: str = ""
    cluster: str = ""
    options: dict[str, Any] = {}
    plain_http: bool = False

    @model_validator(mode="after")
    def _has_workers(self) -> Self:
        if not (self.cluster or self.workers or self.maximum):
            raise ValueError(
                "a new cluster of a Gateway has no workers: expected 'workers', 'maximum', or the name of a 'cluster' "
                "that is there"
            )
        if self.cluster and self.options:
            raise ValueError(f"options are of a new cluster, and '{self.cluster}' is there already")
        return self

    def one(self) -> Self:
        """The same with one worker; a cluster that is there already stays as it is."""
        return self if self.cluster else self.model_copy(update={"workers": 1, "minimum": None, "maximum": None})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start or join the cluster and scale it; one that was started here is ended when the block ends."""
        try:
            from dask_gateway import Gateway as Server
        except ImportError as error:
            raise RequestError(
                "cluster.kind: 'gateway' needs dask-gateway: pip install 'lineshape[gateway]'"
            ) from error
        address = self._address()
        with ExitStack() as opened:
            with _told(address):
                gateway = Server(address, self.proxy_address or None, auth=self.auth or None)
                opened.callback(_let_go, gateway)
                if name := self.cluster:
                    gateway.get_cluster(name)
                else:
                    name = gateway.submit(**self.options)
                    opened.callback(_stop, gateway, name)
                cluster = gateway.connect(name)
                opened.callback(_leave, cluster)
                self.scale(cluster)
                client = opened.enter_context(cluster.get_client(set_as_default=False))
            yield client

    def _address(self) -> str:
        """Raises RequestError where there is none, or it is not encrypted and reaches beyond this machine."""
        address = self.address or configured_address()
        if not address:
            raise RequestError(
                "cluster.address: no Gateway is named: expected its address here, or in Dask's configuration "
                "(gateway.address, or DASK_GATEWAY__ADDRESS in the environment)"
            )
        parts = urlsplit(address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise RequestError(f"cluster.address: '{address}': expected one like https://gateway.example")
        if parts.scheme == "http" and not (self.plain_http or is_loopback(parts.hostname)):
            raise RequestError(
                f"cluster.address: '{address}' is plain HTTP, in which anyone on the network can read your password "
                "and the keys of the cluster: give its https:// address, or say 'plain_http: true' under 'cluster:' if "
                "that is meant"
            )
        return address


def configured_address() -> str:
    """The address of a Gateway in Dask's configuration, with what it takes from the environment; or nothing."""
    import dask

    return str(dask.config.get("gateway.address", None) or "").format(**os.environ)


def _leave(cluster: Any) -> None:
    cluster.close()
    _let_go(cluster.gateway)


def _let_go(gateway: Any) -> None:
    """Close a Gateway. It would do so once more, whenever it is collected, and fail as its thread has ended."""
    gateway.close()
    del gateway._loop_runner


def _stop(gateway: Any, name: str) -> None:
    """End a cluster; one that has ended already is none to be told of."""
    with suppress(OSError, ValueError, asyncio.CancelledError):
        gateway.stop_cluster(name)


@contextmanager
def _told(address: str) -> Iterator[None]:
    """What goes wrong on the way to a cluster, as a message that names the Gateway."""
    import aiohttp
    from dask_gateway import GatewayClusterError, GatewayServerError

    try:
        yield
    except aiohttp.ClientResponseError as error:
        reason = f"{error.status} {error.message}"
        hint = "; does it know you? See gateway.auth in Dask's configuration" if error.status in {401, 403} else ""
        raise RequestError(f"the Gateway at {address} refuses: {reason}{hint}") from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise RequestError(f"no Gateway answers at {address}: {error}") from error
    except (ValueError, TypeError) as error:
        raise RequestError(f"the Gateway at {address} cannot give this cluster: {error}") from error
    except (ImportError, AttributeError) as error:  # of the class that `auth` names
        raise RequestError(f"cluster.auth: there is no such way to be known to a Gateway: {error}") from error
    except (GatewayClusterError, GatewayServerError) as error:
        raise ClusterError(f"the Gateway at {address} could not give a cluster: {error}") from error
