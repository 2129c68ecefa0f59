"""The local cluster: closed to the world, and of as many single-threaded processes as were asked for."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from distributed import Client

from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.learning.fit.resources import threads

PROCESSES = 11

pytestmark = pytest.mark.processes


def test_listens_on_loopback_only(client: Client) -> None:
    this = psutil.Process()
    addresses = {
        connection.laddr.ip
        for process in (this, *this.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}


def test_workers_are_processes_of_one_thread(client: Client) -> None:
    workers = client.scheduler_info(n_workers=-1)["workers"]
    assert [worker["nthreads"] for worker in workers.values()] == [1, 1]
    pids = client.run(os.getpid)
    assert len(set(pids.values())) == 2
    assert os.getpid() not in pids.values()
    assert set(client.run(threads).values()) == {1}


def test_workers_know_the_environment_of_now(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    """They are forked from a process that is older than it, and search for modules as this one does."""
    monkeypatch.setenv("LINESHAPE_TEST_OF_NOW", "set since")
    with Local(workers=1).open() as later:
        (found,) = later.run(_told).values()
    assert found == {"LINESHAPE_TEST_OF_NOW": "set since", "PYTHONHASHSEED": "6640", "OMP_NUM_THREADS": "1"}


def _told() -> dict[str, str]:
    names = ("LINESHAPE_TEST_OF_NOW", "PYTHONHASHSEED", "OMP_NUM_THREADS", "PYTHONSAFEPATH", "LINESHAPE_PATHS")
    return {name: os.environ[name] for name in names if name in os.environ}


def test_gpus_are_declared_by_one_worker_however_often_it_is_started_anew() -> None:
    with Local(workers=2, gpus=3).open() as client:
        for _ in range(2):
            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            assert sorted((worker["id"], worker["resources"]) for worker in workers) == [(0, {"GPU": 3}), (1, {})]
            client.restart()


_SCRIPT = """
from lineshape.engine.clusters.kinds.local import Local

def start():
    with Local(workers=1).open() as client:
        print(client.submit(sum, [1, 2]).result())
"""


def test_a_script_that_starts_workers_when_it_is_imported(tmp_path: Path) -> None:
    """It is refused in one line, and said where."""
    script = tmp_path / "script.py"
    script.write_text(f"{_SCRIPT}\nstart()\n", encoding="utf-8")
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert f"RequestError: {script}, line 8: workers are started whenever the script is imported" in found.stderr
    assert found.stderr.count("Traceback") == 1
    script.write_text(f'{_SCRIPT}\nif __name__ == "__main__":\n    start()\n', encoding="utf-8")
    assert subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout == "3\n"
