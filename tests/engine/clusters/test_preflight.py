"""One worker is tried: what it finds is judged, and what it dies of is told."""

import gc
import os
import signal
import time
from pathlib import Path

import pytest

from lineshape.engine.clusters import preflight
from lineshape.engine.clusters.preflight import WorkerProbe, judge
from lineshape.engine.core.ledger import versions
from lineshape.engine.execution.workers import Workers
from tests.conftest import tasks_of

PROCESSES = 6


def found(**changes: object) -> dict[str, object]:
    return {"host": "n1", "memory": 2**31, "versions": versions(), "folder": "", "files": {}} | changes


@pytest.mark.parametrize(
    ("changes", "shows", "said"),
    [
        ({}, True, {}),
        ({}, False, {"run folder": "is not seen here: name a folder on a shared file system with --output"}),
        ({"folder": "Permission denied"}, True, {"run folder": "cannot be written: Permission denied"}),
        ({"versions": versions() | {"numpy": "1.0"}}, True, {"packages": "here and 1.0 there: give both the same"}),
        ({"files": {"ttbar": "/data/a.root: it is gone"}}, True, {"sample ttbar": "/data/a.root: it is gone"}),
    ],
)
def test_what_a_worker_found_is_judged(changes: dict[str, object], shows: bool, said: dict[str, str]) -> None:
    checks = judge(WorkerProbe(Path("/run"), "token", {"ttbar": "/data/a.root"}), found(**changes), shows)
    bad = {check.name: check.text for check in checks if not check.good}
    assert set(bad) == set(said)
    assert all(text in bad[name] for name, text in said.items())


def test_a_gpu_that_is_declared_must_be_there() -> None:
    checks = judge(WorkerProbe(Path("/run"), "token", {}, gpus=2), found(gpus=1), shows=True)
    (bad,) = [check for check in checks if not check.good]
    assert bad.text == "CUDA sees 1, and 2 are declared"


@pytest.mark.processes
def test_a_worker_that_is_as_it_must_be(workers: Workers, ntuples: list[Path], tmp_path: Path) -> None:
    checks = preflight.preflight(workers, tmp_path, {"taus": [str(ntuples[0])]}, print)
    assert [check.name for check in checks] == ["worker", "memory", "packages", "run folder", "sample taus"]
    assert all(check.good for check in checks), checks
    assert not list(tmp_path.iterdir())


def die(order: WorkerProbe) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.processes
@pytest.mark.filterwarnings("default")
def test_a_worker_that_dies_of_it_is_told(workers: Workers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "examine", die)
    others = tasks_of(workers.client)
    gc.disable()  # an exception keeps its frames alive, and with them the task that it came from
    try:
        (check,) = preflight.preflight(workers, tmp_path, {}, print)
        end = time.monotonic() + 20
        while (left := tasks_of(workers.client) - others) and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        gc.enable()
    assert not left
    assert not check.good
    assert "the worker died while it was at work here, more than once" in check.text
