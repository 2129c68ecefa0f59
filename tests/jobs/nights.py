"""Scheduled reprocessing to be tried: a small job, files that come and go, and the command as a timer calls it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from lineshape.jobs import job_files
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.conftest import TREE
from tests.jobs.commands import here
from tests.jobs.small_taus import FEATURES

ROOT = Path(__file__).parents[2]
#: Objects in a file.
TAUS = 1500


def write_taus(path: Path, number: int, **settings: float) -> None:
    """A file of simulated taus."""
    write_file(FileOrder(GammaTauTau(**settings), TAUS, 23, number, TREE, path))


def small_study(path: Path, data: str, **changes: Any) -> Path:
    """A job file: the tau energy scale by boosted trees alone, with few columns and plots."""
    job: dict[str, Any] = yaml.safe_load(job_files.shipped()["tau_energy_scale"].read_text(encoding="utf-8"))
    own = {"features": list(FEATURES), "rounds": 30, "rate": 0.2, "depth": 4, "minimum_entries": 100}
    job |= {
        "processor": {"kind": "tests.jobs.small_taus:SmallTaus"},
        "feature_sets": {},
        "samples": {"taus": {"files": [data]}},
        "chunk_entries": 600,
        "models": {"brt": job["models"]["brt"] | own},
        "measures": {"response": {"kind": "tests.jobs.small_taus:ResponseFigures", "truth": "truthPtVis"}},
        "claims": {},
        "variations": {},
        "search": {},
        "cluster": {"kind": "local", "workers": 1},
        "reprocess": {"grown": 0.3, "sigmas": 1.0},
    }
    path.write_text(yaml.safe_dump(job | changes), encoding="utf-8")
    return path


def command(*arguments: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "lineshape.jobs.cli.main", *arguments]


def called(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, summary line and standard error of a command that prints one line of JSON and nothing else."""
    done = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, check=False, env=environment(), timeout=300
    )
    assert "Traceback" not in done.stderr, done.stderr
    (line,) = done.stdout.splitlines()
    summary: dict[str, Any] = json.loads(line)
    assert summary["exit"] == done.returncode
    return done.returncode, summary, done.stderr


def called_here(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """The same in this process, of a command without a cluster or on one that is there."""
    with contextlib.chdir(folder), tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        sys.stdout.flush()
        kept = os.dup(1)
        os.dup2(output.fileno(), 1)
        try:
            status, _, errors = here(*arguments)
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        output.seek(0)
        (line,) = output.read().splitlines()
    summary: dict[str, Any] = json.loads(line)
    assert summary["exit"] == status
    return status, summary, errors


def killed_when(folder: Path, moment: Callable[[], bool], *arguments: str) -> None:
    """Start a command and kill it (-9) at a moment; fails where it ended before."""
    log = folder / "killed.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command(*arguments), cwd=folder, stdout=output, stderr=output, env=environment())
    while not moment():
        assert process.poll() is None, f"it ended before it was killed: {log.read_text(encoding='utf-8')}"
        time.sleep(0.002)
    process.kill()
    process.wait()


def environment() -> dict[str, str]:
    """Of the command, which finds the processor of the tests."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"COLUMNS": "120", "PYTHONWARNINGS": "", "PYTHONPATH": path}
