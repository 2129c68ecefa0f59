"""A real scheduler with TLS and a real worker, started as a batch system would; and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Security
from pydantic import ValidationError

from lineshape.engine.clusters.scheduler import Scheduler
from lineshape.engine.errors import RequestError
from lineshape.engine.workers import Workers
from tests.faults.runs import faulty_job, process_with
from tests.servers import free_port


@pytest.fixture
def pem(tmp_path: Path) -> dict[str, Path]:
    """A certificate for this test alone, as files."""
    security = Security.temporary()
    files = {}
    for name, content in {
        "ca": security.tls_ca_file,
        "certificate": security.tls_client_cert,
        "key": security.tls_client_key,
    }.items():
        files[name] = tmp_path / f"{name}.pem"
        files[name].write_text(content, encoding="utf-8")
    return files


def started(pem: dict[str, Path], dashboard: str) -> Iterator[str]:
    """A scheduler and a worker; gives the scheduler's address."""
    port = free_port()
    address = f"tls://127.0.0.1:{port}"
    tls = ["--tls-ca-file", pem["ca"], "--tls-cert", pem["certificate"], "--tls-key", pem["key"]]
    run = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = [*run, "--host", address, "--dashboard-address", dashboard, *tls]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", *tls]
    worker += ["--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"]
    processes = [
        subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for command in (scheduler, worker)
    ]
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def closed(pem: dict[str, Path]) -> Iterator[str]:
    yield from started(pem, "127.0.0.1:0")


@pytest.fixture
def wide_open(pem: dict[str, Path]) -> Iterator[str]:
    yield from started(pem, "0.0.0.0:0")


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_the_same_shards_through_tls(
    closed: str, pem: dict[str, Path], ntuples: list[Path], tmp_path: Path, workers: Workers
) -> None:
    job = faulty_job(ntuples, tmp_path / "faults")
    plain = process_with(job, tmp_path / "plain", workers)
    with Scheduler(address=closed, **pem).open() as client:
        client.wait_for_workers(1, timeout=60)
        store = process_with(job, tmp_path / "run", Workers(lambda: client))
        assert client.security.require_encryption
    assert store.digest() == plain.digest()
    with Scheduler(address=closed, **pem).open() as again:
        assert len(again.scheduler_info()["workers"]) == 1, "the scheduler goes on when a run has ended"


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_dashboard_that_is_open_to_the_world_is_refused(wide_open: str, pem: dict[str, Path]) -> None:
    with (
        pytest.raises(RequestError, match=r"dashboard listens on every network interface.*127\.0\.0\.1:0"),
        Scheduler(address=wide_open, **pem).open(),
    ):
        pass
    with Scheduler(address=wide_open, open_dashboard=True, **pem).open() as client:
        assert client.status == "running"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"address": "tcp://cluster.example:8786"}, "is plain TCP, through which anyone on the network can run code"),
        ({"address": "tls://cluster.example:8786"}, "needs the PEM files 'ca', 'certificate' and 'key'"),
        ({"address": "cluster.example:8786"}, "expected one like tls://host:8786"),
    ],
)
def test_what_is_not_closed_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Scheduler.model_validate(settings)


def test_plain_tcp_on_this_machine_or_where_it_is_meant() -> None:
    for address in ("tcp://127.0.0.1:8786", "tcp://localhost:8786", "tcp://[::1]:8786"):
        assert Scheduler(address=address).address == address
    assert Scheduler(address="tcp://cluster.example:8786", plain_tcp=True).plain_tcp


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_no_scheduler_answers() -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    with (
        pytest.raises(RequestError, match=f"no scheduler answers at {address}"),
        Scheduler(address=address, timeout=1).open(),
    ):
        pass
