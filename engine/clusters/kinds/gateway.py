"""A cluster of a Dask Gateway, a service that starts and manages its users' clusters."""

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
    """A new cluster of a Gateway, ended with the run, or an existing one, which continues.

    The Gateway provides TLS between client, scheduler and workers. Passwords and tokens belong in Dask's configuration
    (DASK_GATEWAY__AUTH__KWARGS), as a run folder keeps the job file.
    """

    address: str = ""
    """Address of the Gateway, such as https://gateway.example.
    Empty: that of Dask's configuration (`gateway.address`, or DASK_GATEWAY__ADDRESS in the environment).
    """
    proxy_address: str = ""
    """Address of the Gateway's proxy to the schedulers; empty: that of Dask's configuration, or else `address`."""
    auth: str = ""
    """Authentication method: basic, kerberos, jupyterhub or a class; empty: that of Dask's configuration."""
    cluster: str = ""
    """Name of an existing cluster to join; empty: start a new one."""
    options: dict[str, Any] = {}
    """Options of a new cluster, as this Gateway lets its users choose them; empty: the Gateway's defaults."""
    plain_http: bool = False
    """Whether a plain HTTP address is allowed, in which anyone on the network can read the cluster's keys."""

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
        """Return the same with one worker; an existing cluster is left as it is."""
        return self if self.cluster else self.model_copy(update={"workers": 1, "minimum": None, "maximum": None})

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Start or join the cluster and scale it; a new one is ended when the block ends."""
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
        """Return the address; raise RequestError where there is none, or it is unencrypted and not on this machine."""
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
    """Return the Gateway's address in Dask's configuration, environment variables expanded; empty if there is none."""
    import dask

    return str(dask.config.get("gateway.address", None) or "").format(**os.environ)


def _leave(cluster: Any) -> None:
    cluster.close()
    _let_go(cluster.gateway)


def _let_go(gateway: Any) -> None:
    """Close a Gateway's client; on collection it would do so again, and fail as its thread has ended."""
    gateway.close()
    del gateway._loop_runner


def _stop(gateway: Any, name: str) -> None:
    """End a cluster; ignore one that has ended already."""
    with suppress(OSError, ValueError, asyncio.CancelledError):
        gateway.stop_cluster(name)


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Turn errors on the way to a cluster into messages that name the Gateway."""
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
    except (ImportError, AttributeError) as error:  # from the class that `auth` names
        raise RequestError(f"cluster.auth: there is no such way to be known to a Gateway: {error}") from error
    except (GatewayClusterError, GatewayServerError) as error:
        raise ClusterError(f"the Gateway at {address} could not give a cluster: {error}") from error
