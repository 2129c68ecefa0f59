"""Choose the folder of a run, and refuse folders that must not be written to."""

from pathlib import Path
from typing import Final

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.job import derived
from lineshape.engine.job.job import Job
from lineshape.engine.reprocessing.champion import CONTENT

_ELSE: Final = "name another folder with -o"


def output_of(job: Job, output: str | Path | None, name: str | Path = "") -> Path:
    """Return the run folder: the one asked for, else the one that the job was named by, else runs/STUDY.

    Raises RequestError where it cannot be a run folder, or must not be written to.
    """
    named = Path(name) if (Path(name) / "job.json").is_file() else Path("runs") / job.study
    path = Path(output) if output else named
    _require_folder(path)
    if (path / CONTENT).is_file():
        raise RequestError(
            f"{path} is a version of scheduled reprocessing, which is not changed: 'lineshape status' and 'lineshape "
            f"export' read it; for all else {_ELSE}"
        )
    if ReprocessingFolder(path).is_one:
        raise RequestError(f"{path} belongs to scheduled reprocessing: {_ELSE}")
    derived.require_no_circle(job.derived, path)
    return path


def folder_of(job: Job, output: str | Path | None) -> ReprocessingFolder:
    """Return the reprocessing folder that is asked for, by default reprocessing/STUDY.

    Its path is absolute, as workers may have another working folder.

    Raises RequestError where it cannot be a folder, or holds an ordinary run.
    """
    path = Path(output) if output else Path("reprocessing") / job.study
    _require_folder(path)
    stages = ledger.stages(RunFolder(path).ledger)
    if RunFolder(path).job.is_file() or (stages and not ReprocessingFolder(path).is_one):
        raise RequestError(f"{path} is the folder of an ordinary run: {_ELSE}")
    folder = ReprocessingFolder(path.absolute())
    for run in (folder.latest, folder.challenger):
        derived.require_no_circle(job.derived, run.path)
    return folder


def _require_folder(path: Path) -> None:
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise RequestError(f"{path} cannot be a run's folder: expected a folder in {part}, found a file; {_ELSE}")
