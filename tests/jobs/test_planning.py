"""The cost of a job before it runs: pilots of it are run, extrapolated and removed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from typer.testing import CliRunner

from lineshape.engine.core.errors import RequestError
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.planning.forecast import Estimate
from lineshape.engine.planning.pilot import reduced
from lineshape.jobs import api
from lineshape.jobs.cli.main import app
from lineshape.jobs.cli.planning import duration, lasting
from tests.jobs.toys import events, figures_alone, job_of, toy_values, write_events

PROCESSES = 3

pytestmark = pytest.mark.processes

NEURAL: dict[str, Any] = {
    "kind": "neural",
    "features": "f",
    "network": {"kind": "classifier", "layers": [8]},
    "loss": {"kind": "binary_cross_entropy"},
    "epochs": 30,
    "seeds": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four files of a sample, and one of another in its place."""
    folder = tmp_path_factory.mktemp("plan")
    for seed in range(4):
        write_events(folder / "data" / f"{seed}.root", events(10_000, seed=seed + 1))
    write_events(folder / "other" / "o.root", events(30_000, seed=9))
    return folder


def values_of(folder: Path, **changes: Any) -> dict[str, Any]:
    values = toy_values(str(folder / "data" / "*.root"), chunk_entries=2000, measures=figures_alone(), **changes)
    values["models"]["network"] = NEURAL
    return values


VARIATIONS: dict[str, Any] = {
    "scale": {"kind": "scale", "columns": ["d0"], "up": 1.1, "down": 0.9},
    "shower": {"kind": "sample", "samples": ["s"], "symmetrise": True},
}


def test_a_plan_is_of_all_entries_and_leaves_nothing_behind(folder: Path, client: Client) -> None:
    """Every stage, training and part of the disk has a cost, and the run folder is not made."""
    shower = VARIATIONS["shower"] | {"up": {"files": [str(folder / "other" / "*.root")]}}
    job = job_of(folder, values_of(folder, variations=VARIATIONS | {"shower": shower}))
    before = {*folder.rglob("*")}
    found = api.plan(job, folder / "run", client, entries=8000)
    assert {*folder.rglob("*")} == before

    assert (found.entries, found.pilot, found.unknown) == (40_000, 8000, ())
    stages = {stage.stage: stage for stage in found.forecast.stages}
    assert [*stages] == ["simulation", "processing", "training", "histogramming", "variations", "reporting"]
    assert all(stages[name].work.value > 0 for name in ("processing", "histogramming", "variations"))
    trainings = {each.model: each for each in stages["training"].trainings}
    assert {name: (each.number, each.steps, each.stops) for name, each in trainings.items()} == {
        "brt": (1, 5, True),
        "network": (2, 30, True),
    }
    assert found.forecast.memory > 1e8
    assert found.before is None

    # As many bytes as the job's own shards are, which are of five times as many entries.
    result = api.run(job, folder / "run", client)
    made = sum(path.stat().st_size for path in (result.folder / "features").rglob("*") if path.is_file())
    assert found.forecast.disk["features"].value == pytest.approx(made, rel=0.15)
    again = api.plan(job, folder / "run", client, entries=4000)
    trainings = {each.model: each for stage in again.forecast.stages for each in stage.trainings}
    steps = [len(read_history(result.folder / "models" / "network" / f"seed_{seed}")) for seed in (1, 2)]
    assert trainings["network"].steps == round(float(np.mean(steps)))
    assert not trainings["network"].stops
    assert again.before is not None
    assert set(again.before) == {*stages} - {"simulation"}


def test_a_sample_in_the_place_of_another_one_of_the_job(folder: Path, client: Client) -> None:
    """It is read from the files of the other one, and the plan knows what it costs."""
    values = values_of(folder, variations={"shower": VARIATIONS["shower"] | {"up": "t"}})
    values["samples"]["t"] = {"tree": "tree", "files": [str(folder / "other" / "*.root")]}
    del values["models"]["network"]
    job = job_of(folder, values)
    assert api.plan(job, folder / "planned", client, entries=7000).entries == 70_000
    result = api.run(job, folder / "varied", client)
    (shift,) = [
        each
        for each in api.open_result(result.folder).rows
        if each.figure == "auc" and each.model == "d0" and each.sample == "s"
    ]
    (other,) = [each for each in result.rows if each.figure == "auc" and each.model == "d0" and each.sample == "t"]
    assert shift.systematic == pytest.approx(abs(other.value - shift.value), abs=2e-6)  # rounded
    wrong = values | {"variations": {"shower": VARIATIONS["shower"] | {"up": "u"}}}
    with pytest.raises(RequestError, match="'u' is no other simulated sample"):
        api.run(job_of(folder, wrong), folder / "wrong", client)


def test_the_first_entries_of_the_first_files(folder: Path, client: Client) -> None:
    """A pilot reads as many entries as it says, however large files are."""
    from lineshape.engine.input.catalogue import FileRecord

    def record(sample: str, path: str, entries: int) -> FileRecord:
        return FileRecord(sample, path, "t", "u", entries, 1, {}, 1.0, "")

    files = [record("a", "1", 600_000), record("a", "2", 400_000), record("b", "3", 500)]
    assert [(each.path, each.entries) for each in reduced(files, 0.7)] == [("1", 600_000), ("2", 100_000), ("3", 500)]
    assert [(each.path, each.entries) for each in reduced(files, 0.001)] == [("1", 1000), ("3", 500)]


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table by the number of workers, and what is not known."""
    values = values_of(folder)
    values["cluster"] = {"kind": "local", "workers": 2}
    del values["models"]["network"]
    job_of(folder, values)
    told = CliRunner().invoke(
        app,
        [
            "plan",
            str(folder / "job.yaml"),
            "-o",
            str(folder / "p"),
            "--workers",
            "2",
            "--workers",
            "100",
            "--entries",
            "4000",
        ],
    )
    assert told.exit_code == 0, told.output
    for text in (
        "40,000 entries, from pilots of 4,000 on 2 workers",
        "100 workers",
        "GB on disk",
        "bottleneck",
        "at most",
    ):
        assert text in told.output


def test_a_job_without_samples_is_refused(folder: Path, client: Client) -> None:
    job = api.load("tau_energy_scale").model_copy(update={"samples": {}})
    with pytest.raises(RequestError, match="has no samples of its own: give your files with --sample"):
        api.plan(job, folder / "none", client)


def test_times_in_words() -> None:
    assert lasting(Estimate(5.0, 0.6)) == "5 ± 1 s"
    assert lasting(Estimate(150.0, 30.0)) == "2.5 ± 0.5 min"
    assert lasting(Estimate(36_000.0, 3600.0)) == "10 ± 1 h"
    assert duration(90.0) == "1.5 min"
