"""A Dask scheduler that is there already: a batch system's, a facility's, one that was started by hand."""

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
    """A scheduler by its address or its file; beyond this machine it must speak TLS.

    address: as in tls://host:8786. file: what the scheduler was told to write by --scheduler-file, with its address.
    ca, certificate, key: PEM files. timeout: seconds to wait for it.
    plain_tcp: yes to a connection that anyone on the network can read and run code through.
    open_dashboard: yes to a dashboard that listens beyond loopback.
    """

    address: str = ""
    file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout: float = 30
    plain_tcp: bool = False
    open_dashboard: bool = False

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if bool(self.address) == bool(self.file):
            raise ValueError("expected either 'address', like tls://host:8786, or 'file'")
        if self.address:
            self._require_encrypted(self.address)
        return self

    def _require_encrypted(self, address: str) -> None:
        """Raise ValueError where the address is none, or is not encrypted and reaches beyond this machine."""
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
        """Connect, and disconnect when the block ends; the scheduler and its workers go on."""
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
        """The address, out of the file where there is one; raises RequestError where that says none."""
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
    """Return the address in what a scheduler writes; raises ValueError where there is none."""
    values = unsealed(written)
    address = values.get("address") if isinstance(values, dict) else None
    if not address:
        raise ValueError("there is no 'address'")
    return str(address)
