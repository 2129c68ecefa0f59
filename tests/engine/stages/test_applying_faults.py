"""Nothing lost, nothing twice, when workers and the command are killed while models are applied."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import uproot
from distributed import Client

from lineshape import jobs
from lineshape.engine.clusters.kinds.local import Local
from lineshape.engine.core.files import write_json
from lineshape.engine.core.run_folder import RunFolder
from lineshape.jobs.applying import STATE
from tests.conftest import TREE
from tests.engine.stages.traced import column_bundle
from tests.faults.runs import faulty_job

PROCESSES = 14

#: A killed worker's last words are not ours to hush.
pytestmark = [pytest.mark.processes, pytest.mark.filterwarnings("default")]

COLUMN = "ptCombined"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of faults, the same for a test's jobs, as it is one of the processor's settings."""
    return tmp_path / "faults"


def applied(ntuples: list[Path], place: Path, to: Path, client: Client, output_format: str) -> dict[str, Any]:
    """Apply a bundle by a job with random numbers of its own; return what the outputs hold."""
    files = {"ntuples": [str(path) for path in ntuples]}
    job, bundle = written(ntuples, place)
    jobs.apply(bundle, files, to, models=[COLUMN], job=job, format=output_format, client=client)
    return held(to)


def written(ntuples: list[Path], place: Path) -> tuple[Path, Path]:
    """A job file of two chunks a file, and a bundle."""
    job = faulty_job(ntuples, place, **{"chunk_entries": 1200, "processor.smear": 0.1})
    path, bundle = place.with_name("job.json"), place.with_name("bundles") / COLUMN
    write_json(path, job.model_dump(mode="json"))
    column_bundle(bundle, COLUMN)
    return path, bundle


def held(to: Path) -> dict[str, Any]:
    """Bytes of Parquet files, and branches of ROOT files, which hold the time of writing, too."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in to.glob("*/*.parquet")}
    for path in to.glob("*/*.root"):
        with uproot.open(path) as file:
            found[path.name] = (str(file["lineshape"]), file[TREE].arrays().to_list(), file[TREE].keys())
    return found


@pytest.mark.parametrize("output_format", ["parquet", "ttree"])
def test_the_same_bits_where_workers_are_killed(
    output_format: str, ntuples: list[Path], place: Path, tmp_path: Path, client: Client
) -> None:
    """The first chunk of each file does, and the first that is traced."""
    expected = applied(ntuples, place, tmp_path / "plain", client, output_format)
    if output_format == "ttree":
        assert applied(ntuples, place, tmp_path / "again", client, output_format) == expected
        return
    (place / "once").touch()
    with Local(workers=2).open() as own:
        assert applied(ntuples, place, tmp_path / "killed", own, output_format) == expected
    assert len(list(place.glob("flag_*"))) == 3


def test_the_command_killed_goes_on_from_there(
    ntuples: list[Path], place: Path, tmp_path: Path, client: Client
) -> None:
    """What was made before is not made again."""
    expected = applied(ntuples, place, tmp_path / "plain", client, "parquet")
    (place / "slow").write_text("0.5", encoding="utf-8")
    job, bundle = written(ntuples, place)
    words = [
        "apply",
        str(bundle),
        "--job",
        str(job),
        "--model",
        COLUMN,
        "--to",
        str(tmp_path / "out"),
        "--workers",
        "1",
    ]
    samples = [word for path in ntuples for word in ("--sample", f"ntuples={path}")]
    command = [sys.executable, "-m", "lineshape.jobs.cli.main", *words, *samples, "--format", "parquet"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        parts = RunFolder(tmp_path / "out" / STATE).path / "parts"
        deadline = time.monotonic() + 300
        while not (made := list(parts.rglob("[0-9]*.parquet"))) and driver.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(driver.pid, signal.SIGKILL)
    before = {path: path.stat().st_mtime_ns for path in parts.rglob("[0-9]*.parquet")}
    assert made
    assert len(before) < 4
    (place / "slow").unlink()
    (place / "raises").write_text("", encoding="utf-8")
    assert applied(ntuples, place, tmp_path / "out", client, "parquet") == expected
    assert not list(parts.iterdir())
