"""A run in a real notebook kernel: what it shows, that it can be interrupted, and what it leaves."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import Client

from lineshape.engine.job.job import Job
from lineshape.jobs import api
from tests.conftest import small_job, tasks_of
from tests.faults.runs import content, faulty_job
from tests.jobs.kernels import kernel
from tests.jobs.nights import environment, small_study

PROCESSES = 10

pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("default")]


def saved(job: Job, folder: Path) -> str:
    """Code that loads a job."""
    path = folder / "job.json"
    path.write_text(json.dumps(job.model_dump(mode="json")), encoding="utf-8")
    return f"from lineshape import jobs\njob = jobs.load({str(path)!r})\n"


def has_shards(folder: Path) -> Callable[[], bool]:
    return lambda: bool(list(folder.rglob("features/**/*.parquet")))


def has_epochs(folder: Path) -> Callable[[], bool]:
    """Training has come to its third epoch."""
    return lambda: any(len(path.read_text().splitlines()) >= 3 for path in folder.rglob("history.jsonl"))


@pytest.fixture(scope="module")
def slow(ntuples: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job whose stages last long enough to be interrupted; trees draw no rows, which a restart would draw anew."""
    few = {"measures": {"response": {"kind": "response", "truth": "truthPtVis", "by": {}}}, "chunk_entries": 500}
    whole_rows = {"models.brt.rows": 1, "models.brt.columns": 1}
    more = {"models.dnn.epochs": 8, "cluster.workers": 2, "processor.seconds": 0.2}
    return faulty_job(ntuples, tmp_path_factory.mktemp("faults"), **few, **whole_rows, **more)


@pytest.fixture(scope="module")
def undisturbed(slow: Job, client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the job makes where nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    api.process(slow, folder, client)
    api.train(slow, folder, client)
    api.histogram(slow, folder, client)
    return content(folder)


def test_an_interrupt_stops_all_and_the_same_cell_goes_on(
    slow: Job, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """It comes twice: in processing, and then in training."""
    folder = tmp_path / "run"
    run = f"jobs.run(job, {str(folder)!r})"
    threads = "import threading; print(*sorted(t.name for t in threading.enumerate()))"
    with kernel() as notebook:
        before = notebook.run(f"{saved(slow, tmp_path)}{threads}").printed
        kept: dict[Path, int] = {}
        for stage in (has_shards, has_epochs):
            cell = notebook.run(run, stage(folder))
            assert (cell.error, cell.traceback) == (
                "Interrupted",
                ["interrupted: run the same again to go on from here"],
            )
            assert not notebook.children()
            after = notebook.run(threads).printed
            # Dask keeps two idle threads of its own for the next client.
            assert {name for name in after.split() if name not in before} <= {
                "Dask-Offload_0",
                "Dask-Callback-Thread_0",
            }
            assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
            kept = {path: path.stat().st_mtime_ns for path in folder.rglob("features/**/*.parquet")}
        again = notebook.run(run)
        assert not again.error, again.traceback
        assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
        assert not notebook.children()
    assert content(folder) == undisturbed


def connected(client: Client) -> str:
    """Code that connects to a cluster that is there, one of JupyterLab's Dask panel, say: no child of the kernel."""
    assert client.scheduler is not None
    return f"from distributed import Client\nclient = Client({client.scheduler.address!r})\n"


def test_an_interrupt_leaves_a_cluster_that_was_given_as_it_was(
    client: Client, ntuples: list[Path], tmp_path: Path
) -> None:
    job = faulty_job(ntuples, tmp_path / "faults", **{"processor.seconds": 0.1})
    folder = tmp_path / "run"
    others = tasks_of(client)  # what an earlier test failed with may be held until garbage is collected
    with kernel() as notebook:
        run = f"jobs.process(job, {str(folder)!r}, client)"
        cell = notebook.run(f"{saved(job, tmp_path)}{connected(client)}{run}", has_shards(folder))
        assert cell.error == "Interrupted"
        assert notebook.run("print(client.status)").printed.strip() == "running"
        deadline = time.monotonic() + 20
        while (left := tasks_of(client) - others) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left
        again = notebook.run(run)
        assert not again.error, again.traceback
        assert "objects of ntuples" in again.results[0]["text/plain"]
        assert client.status == "running"
        assert len(client.scheduler_info()["workers"]) == 2


def test_progress_is_one_output_and_a_mistake_is_a_message(client: Client, ntuples: list[Path], tmp_path: Path) -> None:
    job = small_job(ntuples)
    with kernel() as notebook:
        process = f"jobs.process(job, {str(tmp_path / 'run')!r}, client)"
        cell = notebook.run(f"{saved(job, tmp_path)}{connected(client)}{process}")
        assert not cell.error, cell.traceback
        assert not cell.printed
        (shown,) = cell.displays.values()
        assert "processing" in shown["text/plain"]
        assert "<b>processing</b>" in shown["text/html"]
        assert "catalogue" not in shown["text/html"], "bars vanish when a stage ends"
        (result,) = cell.results
        assert "Cut flow of ntuples" in result["text/html"]
        wrong = notebook.run("jobs.load('tau_energy_scal')")
        (message,) = wrong.traceback
        assert wrong.error == "RequestError"
        assert "no study 'tau_energy_scal'" in message
        assert "tau_energy_scale" in message


def test_a_night_of_reprocessing_is_one_output_and_can_be_interrupted(
    client: Client, ntuples: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    slowly = {"kind": "tests.jobs.small_taus:SlowTaus"}
    job = small_study(tmp_path / "job.yaml", str(ntuples[0].parent / "*.root"), processor=slowly, chunk_entries=300)
    load = f"from lineshape import jobs\njob = jobs.load({str(job)!r})\n"
    night = f"jobs.reprocess(job, {str(folder)!r}, client)"
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    with kernel() as notebook:
        cell = notebook.run(f"{load}{connected(client)}{night}", has_shards(folder))
        assert (cell.error, cell.traceback) == ("Interrupted", ["interrupted: the next run goes on from here"])
        cell = notebook.run(night)
        assert not cell.error, cell.traceback
        assert not cell.printed
        (shown,) = cell.displays.values()
        said = shown["text/plain"].splitlines()
        assert [line.split()[1] for line in said[:4]] == ["processing", "files", "training", "training"]
        (result,) = cell.results
        assert "<td>champion</td><td>0001</td>" in result["text/html"]
