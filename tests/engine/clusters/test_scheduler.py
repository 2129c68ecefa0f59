"""A real scheduler with TLS and a real worker, started as a batch system would; and what is refused."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from distributed import Security
from pydantic import ValidationError

from lineshape.engine.clusters.kinds.scheduler import Scheduler
from lineshape.engine.core.errors import ClusterError, RequestError
from lineshape.engine.execution.workers import Workers
from tests.faults.runs import content, faulty_job, process_with
from tests.servers import free_port

PROCESSES = 15


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A certificate for these tests alone, as files."""
    security = Security.temporary()
    folder, files = tmp_path_factory.mktemp("pem"), {}
    for name, text in {
        "ca": security.tls_ca_file,
        "certificate": security.tls_client_cert,
        "key": security.tls_client_key,
    }.items():
        files[name] = folder / f"{name}.pem"
        files[name].write_text(text, encoding="utf-8")
    return files


@dataclass
class Started:
    """A scheduler, and a worker that may be yet to come."""

    pem: dict[str, Path]
    dashboard: str = "127.0.0.1:0"
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    def scheduler(self) -> None:
        place = "--scheduler-file", str(self.file)
        self._start("scheduler", "--host", self.address, "--dashboard-address", self.dashboard, *place)

    @property
    def file(self) -> Path:
        return self.pem["key"].with_name(f"scheduler-{self.port}.json")

    def wait(self) -> None:
        """Until the scheduler has written its file."""
        deadline = time.monotonic() + 60
        while not self.file.is_file() and time.monotonic() < deadline:
            time.sleep(0.05)

    def worker(self) -> None:
        name = "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"
        self._start("worker", self.address, "--nthreads", "1", "--no-dashboard", *name)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def _start(self, name: str, *words: str) -> None:
        tls = ("--tls-ca-file", self.pem["ca"], "--tls-cert", self.pem["certificate"], "--tls-key", self.pem["key"])
        command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *words, *map(str, tls)]
        self.processes[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def closed(pem: dict[str, Path]) -> Iterator[Started]:
    """A scheduler without workers; a test that starts one ends it."""
    started = Started(pem)
    started.scheduler()
    yield started
    started.close()


@pytest.fixture
def mortal(pem: dict[str, Path]) -> Iterator[Started]:
    """A scheduler to be killed, with a worker."""
    started = Started(pem)
    started.scheduler()
    started.worker()
    started.wait()
    yield started
    started.close()


@pytest.fixture
def wide_open(pem: dict[str, Path]) -> Iterator[Started]:
    started = Started(pem, "0.0.0.0:0")
    started.scheduler()
    yield started
    started.close()


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_the_same_shards_through_tls(
    closed: Started, pem: dict[str, Path], ntuples: list[Path], tmp_path: Path, workers: Workers
) -> None:
    """The worker comes only when tasks wait for it, as those of a cluster that adapts do."""
    job = faulty_job(ntuples, tmp_path / "faults", chunk_entries=500)
    plain = process_with(job, tmp_path / "plain", workers)
    with Scheduler(address=closed.address, **pem).open() as client:
        assert not client.scheduler_info()["workers"]
        threading.Timer(3, closed.worker).start()
        store = process_with(job, tmp_path / "run", Workers(lambda: client))
        assert client.security.require_encryption
    assert store.digest() == plain.digest()
    with Scheduler(address=closed.address, **pem).open() as again:
        assert len(again.scheduler_info()["workers"]) == 1, "the scheduler goes on when a run has ended"
        closed.kill("worker")
        deadline = time.monotonic() + 60
        while again.scheduler_info()["workers"] and time.monotonic() < deadline:
            time.sleep(0.05)


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_scheduler_by_its_file(closed: Started, pem: dict[str, Path]) -> None:
    closed.wait()
    with Scheduler(file=closed.file, **pem).open() as client:
        assert client.scheduler.address == closed.address


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read .*scheduler.json: No such file"),
        ('{"type": "Scheduler"}', "there is no 'address'"),
        ("no JSON", "Expecting value"),
        ('{"address": "tcp://cluster.example:8786"}', "is plain TCP"),
    ],
)
def test_a_file_that_names_no_scheduler(content: str | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=message), Scheduler(file=path).open():
        pass


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_dies_stops_the_run_and_blames_no_chunk(
    mortal: Started, pem: dict[str, Path], ntuples: list[Path], tmp_path: Path, workers: Workers
) -> None:
    """With another one, the same command goes on."""
    job = faulty_job(ntuples, tmp_path / "faults", **{"processor.seconds": 0.3, "chunk_entries": 500})
    process_with(job, tmp_path / "plain", workers)

    def break_down() -> None:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "run").rglob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.05)
        mortal.kill("scheduler")

    thread = threading.Thread(target=break_down)
    with Scheduler(address=mortal.address, timeout=2, **pem).open() as client:
        thread.start()
        with pytest.raises(ClusterError, match="the cluster was lost"):
            process_with(job, tmp_path / "run", Workers(lambda: client))
    thread.join()
    assert list((tmp_path / "run").rglob("*.parquet"))
    assert not (tmp_path / "run" / "features" / "manifest.json").exists()
    process_with(job, tmp_path / "run", workers)
    assert content(tmp_path / "run") == content(tmp_path / "plain")


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_cluster_without_workers_is_not_waited_for_without_end(
    closed: Started, pem: dict[str, Path], ntuples: list[Path], tmp_path: Path
) -> None:
    job = faulty_job(ntuples, tmp_path / "faults")
    with Scheduler(address=closed.address, **pem).open() as client:
        workers = Workers(lambda: client, patience=1)
        with pytest.raises(ClusterError, match="the cluster has had no worker for 1 s: start some"):
            process_with(job, tmp_path / "run", workers)


def test_a_pem_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.pem"
    scheduler = Scheduler(address="tls://127.0.0.1:1", ca=path, certificate=path, key=path)
    with pytest.raises(RequestError, match=r"cluster\.ca: no file .*none\.pem; expected a PEM file"), scheduler.open():
        pass


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_dashboard_that_is_open_to_the_world_is_refused(wide_open: Started, pem: dict[str, Path]) -> None:
    with (
        pytest.raises(RequestError, match=r"dashboard listens on 0\.0\.0\.0, where anyone.*127\.0\.0\.1:0"),
        Scheduler(address=wide_open.address, **pem).open(),
    ):
        pass
    with Scheduler(address=wide_open.address, open_dashboard=True, **pem).open() as client:
        assert client.status == "running"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"address": "tcp://cluster.example:8786"}, "is plain TCP, through which anyone on the network can run code"),
        ({"address": "tls://cluster.example:8786"}, "needs the PEM files 'ca', 'certificate' and 'key'"),
        ({"address": "cluster.example:8786"}, "expected one like tls://host:8786"),
        ({}, "expected either 'address', like tls://host:8786, or 'file'"),
        ({"address": "tcp://127.0.0.1:1", "file": "scheduler.json"}, "expected either 'address'"),
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
