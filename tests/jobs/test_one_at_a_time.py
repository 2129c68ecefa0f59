"""Two commands in one run folder: the second is told, and does nothing; those that only read need not wait."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from lineshape.engine.core.errors import BusyError, RequestError, StorageError
from lineshape.engine.core.lock import Holder, held_run, read_holder
from lineshape.engine.core.records import save_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.running.run import open_run
from lineshape.jobs import api
from tests.jobs.commands import here
from tests.jobs.toys import toy_job, toy_values


@pytest.mark.parametrize("command", ["run", "process", "train", "histogram", "report", "simulate"])
def test_the_second_command_is_told(command: str, tmp_path: Path) -> None:
    job = tmp_path / "toy.yaml"
    job.write_text(yaml.safe_dump(toy_values(str(tmp_path / "*.root"))), encoding="utf-8")
    with held_run(tmp_path / "run"):
        status, out, err = here(command, str(job), "-o", str(tmp_path / "run"))
    assert status == 75
    assert not out
    assert "another run is going on" in err
    assert "lock.json" in err.replace("\n", "")
    assert not (tmp_path / "run").exists(), "a folder that was made for the lock alone goes with it"


def test_python_is_told_too(tmp_path: Path) -> None:
    with held_run(tmp_path / "run"), pytest.raises(BusyError, match="another run is going on"):
        api.process(toy_job("x.root"), tmp_path / "run")


def test_those_that_read_need_not_wait(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    save_record(folder.job, toy_job("x.root").model_dump(mode="json"))
    with held_run(folder.path):
        assert here("status", str(folder.path))[0] == 0
        assert "no bundle of model" in here("export", str(folder.path), "brt", "--to", "xgboost-json")[2]


def test_a_killed_command_keeps_nobody_waiting(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    dead = replace(Holder.here(), pid=2**22 + 1)  # a number that no process has
    (folder / "lock.json").write_text(json.dumps(asdict(dead)), encoding="utf-8")
    with open_run(toy_job("x.root"), folder) as run:
        assert read_holder(run.folder.lock) != dead
    assert not (folder / "lock.json").exists()


def test_a_request_that_is_wrong_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="run 'lineshape process' first"):
        api.train(toy_job("x.root"), tmp_path / "runs" / "toy")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .*/lock\.json"):
        api.process(toy_job("x.root"), read_only())


def read_only() -> Path:
    """A folder in which nobody may make anything, whoever asks."""
    return Path("/sys/run")
