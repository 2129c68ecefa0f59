"""Workers that cannot do a run's work are found before it starts."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.clusters.worker_check import require_able
from lineshape.engine.core.errors import ClusterError, RequestError
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from tests.conftest import small_job
from tests.servers import free_port

PROCESSES = 5

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    """A scheduler without workers, and with those that a test starts."""
    address = f"tcp://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", address]
    process = subprocess.Popen(
        [*command, "--dashboard-address", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with Client(address, timeout=60, set_as_default=False) as opened:
            yield opened
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def scheduler(running: Client) -> Iterator[Client]:
    """A scheduler without workers."""
    yield running
    deadline = time.monotonic() + 60
    while running.scheduler_info()["workers"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_that_see_the_folder_leave_nothing_in_it(client: Client, tmp_path: Path) -> None:
    require_able(client, tmp_path / "run", Local(wait=60))
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("unshare"), reason="only root can hide a folder from a worker")
def test_a_folder_that_workers_do_not_share_is_named(scheduler: Client, ntuples: list[Path], tmp_path: Path) -> None:
    """The worker has a disk of its own where the run folder would be."""
    shared = tmp_path / "disk"
    shared.mkdir()
    worker = f"{sys.executable} -m distributed.cli.dask_worker {scheduler.scheduler.address} --nthreads 1 --no-nanny"
    hidden = f"mount -t tmpfs none {shared} && exec {worker} --dashboard-address 127.0.0.1:0 --host 127.0.0.1"
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", hidden], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        scheduler.wait_for_workers(1, timeout=60)
        with pytest.raises(RequestError, match=f"workers do not see the run folder {shared}/run .*under the same path"):
            require_able(scheduler, shared / "run", Local(wait=60), disk_patience=1)
        assert not list((shared / "run").iterdir())
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_workers_without_the_package_are_named(scheduler: Client, tmp_path: Path) -> None:
    """Dask alone, as in an environment where only dask was installed."""
    blocked = (
        "import sys, runpy; sys.meta_path.insert(0, type('None_', (), {'find_spec': staticmethod(lambda name, *_:"
        " (_ for _ in ()).throw(ModuleNotFoundError(name=name)) if name.startswith('lineshape') else None)}));"
        f"sys.argv = ['dask worker', '{scheduler.scheduler.address}', '--no-nanny', '--nthreads', '1', '--host',"
        " '127.0.0.1', '--dashboard-address', '127.0.0.1:0'];"
        "runpy.run_module('distributed.cli.dask_worker', run_name='__main__')"
    )
    process = subprocess.Popen([sys.executable, "-c", blocked], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with pytest.raises(RequestError, match=r"workers cannot import lineshape .*: install the same version"):
            require_able(scheduler, tmp_path / "run", Local(wait=60))
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_a_cluster_that_stays_without_workers_is_lost(scheduler: Client, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="has had no worker for 1 s"):
        require_able(scheduler, tmp_path / "run", Local(wait=1))


def test_paths_do_not_depend_on_where_workers_are(
    client: Client, ntuples: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the local cluster were started in another folder than this process is in now."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ntuples[0].parent)
    job = small_job([Path("data") / path.name for path in ntuples])
    with open_run(job, Path("run"), client=client) as run:
        store = run.process({name: sample.files for name, sample in job.samples.items()})
    assert not store.quarantined
    assert len(list((tmp_path / "run" / "features").rglob("*.parquet"))) == len(store.shards)
    assert api.process(job, "run", client).store.digest() == store.digest()
