"""Inspect Dask's settings made by a site or user, and report them where a cluster does not start."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from lineshape.engine.core.errors import ClusterError, LineshapeError, RequestError, listing, plainly

LOOPBACK: Final = "127.0.0.1"
_ENCRYPTION: Final = "distributed.comm.require-encryption"


@contextmanager
def starting(what: str) -> Iterator[None]:
    """Run a block that starts a cluster; raise ClusterError with the first cause and the suspect settings."""
    try:
        yield
    except LineshapeError:
        raise
    except Exception as error:
        made = made_here()
        known = listing(f"{name}: {value} ({source})" for name, (value, source) in made.items())
        blame = f"mend or remove what is wrong of the settings of Dask that are not its own: {known}"
        advice = blame if made else "no setting of Dask is other than its own; see 'lineshape preflight'"
        raise ClusterError(f"{what} did not start: {plainly(_first_cause(error))}; {advice}") from error


def require_unencrypted() -> None:
    """Raise RequestError where Dask is set to refuse unencrypted connections, which a local cluster uses."""
    import dask

    if not dask.config.get(_ENCRYPTION, None):
        return
    source = made_here().get(_ENCRYPTION, (None, "its own settings"))[1]
    raise RequestError(
        f"Dask's setting {_ENCRYPTION} is on ({source}), and the workers of a local cluster talk to this command over "
        "loopback without TLS: turn it off for this command by DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=False, "
        "or name a cluster with TLS (--cluster)"
    )


def require_loopback() -> None:
    """Raise ClusterError where this machine cannot be reached over loopback."""
    try:
        with socket.create_server((LOOPBACK, 0)) as server, socket.create_connection(server.getsockname(), 5):
            pass
    except OSError as error:
        raise ClusterError(
            f"a local cluster needs IPv4 loopback, and {LOOPBACK} cannot be reached here ({error.strerror or error}): "
            "turn it on (ip link set lo up), or run on another machine or cluster (--cluster)"
        ) from error


def fault_of_settings(error: Exception) -> str:
    """Return what is wrong with a file of Dask's settings, from the error raised at Dask's first import; else empty."""
    return plainly(error).removeprefix("ValueError: ") if "dask config file" in str(error).lower() else ""


def made_here() -> dict[str, tuple[Any, str]]:
    """Return Dask's settings from files and the environment: by dotted name, the value and its source."""
    import dask

    found: dict[str, tuple[Any, str]] = {}
    for path, values in dask.config.collect_yaml(dask.config.paths, return_paths=True):
        found |= {name: (value, str(path)) for name, value in _flat(values or {})}
    for name in sorted(os.environ):
        if name.startswith("DASK_") and name != "DASK_CONFIG":
            for key, value in _flat(dask.config.collect_env({name: os.environ[name]})):
                found[key] = (value, f"${name}")
    return found


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{above}{str(key).replace('_', '-')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        elif value is not None:
            yield name, value


def _first_cause(error: BaseException) -> BaseException:
    """Return the first cause of an error, which Dask wraps in errors that say only that something failed to start."""
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
    return error
