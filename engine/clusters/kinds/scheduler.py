"""Connect to an existing Dask scheduler: a batch system's, a facility's, or one started by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from lineshape.engine.clusters.cluster import LOGS, Cluster, is_loopback, require_closed_dashboard
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.records import unsealed

if TYPE_CHECKING:
    from distributed import Client, Security


class Scheduler(Cluster):
    """An existing scheduler, given by its address or its file; beyond this machine it must use TLS."""

    address: str = ""
    """Address of the scheduler, such as tls://host:8786. Either this or `file` must be given."""
    file: Path | None = None
    """File with the scheduler's address, written by `dask scheduler --scheduler-file`; null: `address` is given."""
    ca: Path | None = None
    """PEM file of the certificate authority; tls:// addresses need it."""
    certificate: Path | None = None
    """PEM file of the client's certificate; tls:// addresses need it."""
    key: Path | None = None
    """PEM file of the client's private key; tls:// addresses need it."""
    timeout: float = 30
    """Seconds to wait for the scheduler to answer."""
    plain_tcp: bool = False
    """Whether plain TCP beyond this machine is allowed, which anyone on the network can read, and run code through."""
    open_dashboard: bool = False
    """Whether the scheduler's dashboard may listen beyond loopback."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if bool(self.address) == bool(self.file):
            raise ValueError("expected either 'address', like tls://host:8786, or 'file'")
        if self.address:
            self._require_encrypted(self.address)
        return self

    def _require_encrypted(self, address: str) -> None:
        """Raise ValueError where an address is invalid, or unencrypted and not on this machine."""
        protocol, found, rest = address.partition("://")
        if not found or protocol not in {"tls", "tcp"}:
            raise ValueError(f"address '{address}': expected one like tls://host:8786")
        if protocol == "tls" and not (self.ca and self.certificate and self.key):
            raise ValueError("a tls:// address needs the PEM files 'ca', 'certificate' and 'key'")
        if protocol == "tcp" and not (self.plain_tcp or is_loopback(rest.rpartition(":")[0])):
            raise ValueError(
                f"address '{address}' is plain TCP, through which anyone on the network can run code on the "
                "workers: start the scheduler with TLS and give its tls:// address, or say 'plain_tcp: true'"
            )

    @contextmanager
    def open(self, scratch: Path = LOGS) -> Iterator["Client"]:
        """Connect, and disconnect when the block ends; the scheduler and its workers continue."""
        from distributed import Client

        for name in ("ca", "certificate", "key"):
            if (path := getattr(self, name)) and not path.is_file():
                raise RequestError(
                    f"cluster.{name}: no file {path}; expected a PEM file (working folder: {Path.cwd()})"
                )
        address = self._found()
        try:
            client = Client(address, security=self._security(), timeout=self.timeout, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise RequestError(f"no scheduler answers at {address}: {error}") from error
        with client:
            if not self.open_dashboard:
                require_closed_dashboard(client, "start it with --dashboard-address 127.0.0.1:0")
            yield client

    def _found(self) -> str:
        """Return the address, read from the file where one is given; raise RequestError where it has none."""
        if not self.file:
            return self.address
        try:
            address = _address_in(self.file.read_text(encoding="utf-8"))
            self._require_encrypted(address)
        except OSError as error:
            raise RequestError(
                f"cluster.file: cannot read {self.file}: {error.strerror}; expected what 'dask scheduler "
                "--scheduler-file' writes: is the scheduler up, and is the disk the same?"
            ) from error
        except ValueError as error:
            raise RequestError(f"cluster.file: {self.file}: {error}") from error
        return address

    def _security(self) -> "Security | None":
        from distributed import Security

        if not self.ca:
            return None
        files = {"tls_ca_file": self.ca, "tls_client_cert": self.certificate, "tls_client_key": self.key}
        return Security(require_encryption=True, **{name: str(path) for name, path in files.items()})


def _address_in(written: str) -> str:
    """Return the address in a scheduler's file; raise ValueError where there is none."""
    values = unsealed(written)
    address = values.get("address") if isinstance(values, dict) else None
    if not address:
        raise ValueError("there is no 'address'")
    return str(address)
