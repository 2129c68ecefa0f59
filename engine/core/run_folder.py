"""Layout of run folders, which hold everything that one execution of a job file made, and of reprocessing folders."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.records import read_record

_NUMBER: Final = re.compile(r"\d{4,}")
#: Advice where the job in a run folder is damaged.
JOB_AGAIN: Final = "give the job file that the run was made from, and -o {}: each stage writes it anew"


@dataclass(frozen=True)
class RunFolder:
    """Paths of the parts of a run.

    job.json holds the job as it was run, ledger.jsonl the stages that were run and when, features/ the feature store,
    models/ the bundles, histograms/ the performance histograms, report/ the page and its plots, look/ a page on the
    columns, summary.json every figure, variations/ for each direction of a systematic variation a folder like this with
    what is other in it, variations.json what they shift figures by, search/ the trials of searches for a model's
    settings, export/ models in other software's formats, logs/ workers' logs where something failed, lock.json the
    process that is using the folder, while there is one.

    store: a feature store elsewhere, used instead of the run's own.
    """

    path: Path
    store: Path | None = None

    @classmethod
    def find(cls, name: str | Path) -> "RunFolder":
        """Return the run folder at a path, or that of a study under runs/.

        For a reprocessing folder, or a study under reprocessing/, it is the run of the champion. Raises RequestError
        where there is none.
        """
        if Path(name).suffix in {".yaml", ".yml"} and Path(name).is_file():
            name = _study_in(Path(name))
        for path in (Path(name), Path("runs") / name):
            if (path / "job.json").is_file():
                return cls(path)
        for path in (Path(name), Path("reprocessing") / name):
            if version := ReprocessingFolder(path).pointed():
                return cls(ReprocessingFolder(path).whole(version))
        known = sorted(job.parent.name for job in Path("runs").glob("*/job.json"))
        raise RequestError(
            f"no run in {name}: expected a run folder, or the name of a study under {Path.cwd() / 'runs'}, "
            f"where there are {listing(known) or 'none'}{nearest(str(name), known)}"
        )

    @property
    def job(self) -> Path:
        """File of the job as it was run."""
        return self.path / "job.json"

    @property
    def ledger(self) -> Path:
        """File of the ledger."""
        return self.path / "ledger.jsonl"

    @property
    def lock(self) -> Path:
        """File of the lock."""
        return self.path / "lock.json"

    @property
    def simulated(self) -> Path:
        """Folder of simulated ROOT files, with a subfolder per sample."""
        return self.path / "simulated"

    @property
    def features(self) -> Path:
        """Folder of the feature store."""
        return self.store or self.path / "features"

    @property
    def models(self) -> Path:
        """Folder of the bundles, with a subfolder per model."""
        return self.path / "models"

    @property
    def index(self) -> Path:
        """File that lists which models have a bundle, and why others have none."""
        return self.models / "models.json"

    def search(self, model: str) -> "RunFolder":
        """Return the run folder of the trials for a model's settings, which shares this run's feature store."""
        return RunFolder(self.path / "search" / model, self.features)

    def variation(self, key: str, reads_events: bool) -> "RunFolder":
        """Return the run folder of a variation in one direction.

        reads_events: whether it has a feature store of its own, or uses this run's.
        """
        return RunFolder(self.path / "variations" / key, None if reads_events else self.features)

    @property
    def variations(self) -> Path:
        """Folder of variations, with a subfolder for each direction."""
        return self.path / "variations"

    @property
    def shifts(self) -> Path:
        """File of what variations shift figures by."""
        return self.path / "variations.json"

    @property
    def histograms(self) -> Path:
        """Folder of the performance histograms."""
        return self.path / "histograms"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.path / "report"

    @property
    def page(self) -> Path:
        """File of the report's page."""
        return self.report / "index.html"

    @property
    def plots(self) -> Path:
        """File that lists the report's plots in order; the plots are in plots/ beside it."""
        return self.report / "plots.json"

    @property
    def look(self) -> Path:
        """Folder of the page that looks at the columns before anything is trained."""
        return self.path / "look"

    @property
    def exports(self) -> Path:
        """Folder of models in other software's formats."""
        return self.path / "export"

    @property
    def logs(self) -> Path:
        """Folder of workers' logs, written where something failed."""
        return self.path / "logs"

    @property
    def summary(self) -> Path:
        """File of every figure, as a list of rows."""
        return self.path / "summary.json"

    @property
    def drift(self) -> Path:
        """File of feature drift since the champion was trained; only in the latest run of a reprocessing folder."""
        return self.path / "drift.json"


@dataclass(frozen=True)
class JobRecord:
    """Fields of a run's job that the program reads apart from the job itself."""

    study: str
    split: dict[str, Any] = field(default_factory=dict)
    cluster: dict[str, Any] = field(default_factory=dict)


def read_job(run: RunFolder) -> JobRecord:
    """Return these fields of a run's job; raise RunError where the file is damaged."""
    return read_record(run.job, JobRecord, JOB_AGAIN.format(run.path), partly=True)


def _study_in(path: Path) -> str:
    """Return the study of a job file, whose run is under runs/ by default; its own path where it names none."""
    found = re.search(
        r"^study:\s*[\"']?([^\"'#\n]+?)[\"']?\s*(?:#.*)?$", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    return found[1] if found else str(path)


@dataclass(frozen=True)
class _Pointer:
    """The champion version, as JSON. run: path of its run folder, relative to the pointer's folder."""

    version: str
    run: str


@dataclass(frozen=True)
class ReprocessingFolder:
    """Paths of everything that scheduled reprocessing made, over all its runs.

    features/ is the feature store of all processed data, versions/ a run folder per challenger, never changed once it
    is there, latest/ the run of the champion, and of the current challenger, on the current data, ledger.jsonl the
    record of every run and of which version is champion since when, champion.json the current champion for quick
    access, lock.json the process that is using the folder.
    """

    path: Path

    @classmethod
    def find(cls, name: str | Path) -> "ReprocessingFolder":
        """Return the one at a path, or that of a study under reprocessing/; raise RequestError where there is none."""
        for path in (Path(name), Path("reprocessing") / name):
            if cls(path).is_one:
                return cls(path)
        known = sorted(path.name for path in Path("reprocessing").glob("*") if cls(path).is_one)
        raise RequestError(
            f"nothing was reprocessed in {name}: expected a reprocessing folder, or the name of a study under "
            f"{Path.cwd() / 'reprocessing'}, where there are {listing(known) or 'none'}{nearest(str(name), known)}"
        )

    @property
    def is_one(self) -> bool:
        """Whether something was reprocessed there, as only then such folders or ledger records exist."""
        if RunFolder(self.path).job.is_file():
            return False
        there = self.latest.ledger.is_file() or any(self.version(name).is_dir() for name in self.published())
        return there or any("what" in record for record in ledger.read(self.ledger))

    @property
    def features(self) -> Path:
        """Folder of the feature store."""
        return self.path / "features"

    @property
    def versions(self) -> Path:
        """Folder of the versions, with a run folder for each."""
        return self.path / "versions"

    def version(self, name: str) -> Path:
        """Return the run folder of a version, given its number (0003)."""
        return self.versions / name

    def published(self) -> list[str]:
        """Return the numbers of the existing versions, oldest first; copies made by hand (0001.bak) are ignored."""
        numbers = [path.name for path in self.versions.glob("[0-9]*") if path.is_dir() and _NUMBER.fullmatch(path.name)]
        return sorted(numbers, key=int)

    def whole(self, version: str) -> Path:
        """Return the run folder of the version named by the pointer; raise RequestError where it is missing."""
        if not RunFolder(self.version(version)).job.is_file():
            raise RequestError(
                f"{self.pointer} names version {version} as champion, and {self.version(version)} is not a run: put it "
                f"back, or take another champion of {listing(self.published()) or 'none'}: lineshape ledger rollback "
                f"{self.path} VERSION"
            )
        return self.version(version)

    @property
    def challenger(self) -> RunFolder:
        """Run folder of the version in progress, which has no number yet."""
        return RunFolder(self.versions / ".challenger")

    @property
    def latest(self) -> RunFolder:
        """Run folder of the run on the current data."""
        return RunFolder(self.path / "latest", self.features)

    @property
    def ledger(self) -> Path:
        """File of the ledger, the authority on which version is champion."""
        return self.path / "ledger.jsonl"

    @property
    def pointer(self) -> Path:
        """File that names the champion, for readers that do not parse the ledger; every run corrects it."""
        return self.path / "champion.json"

    def pointed(self) -> str:
        """Return the version named by the pointer, empty where there is none; raise RunError where it is damaged."""
        if not self.pointer.is_file():
            return ""
        anew = "remove it; the next run of reprocessing, or 'lineshape ledger rollback', writes it anew from the ledger"
        return read_record(self.pointer, _Pointer, anew).version

    @property
    def lock(self) -> Path:
        """File of the lock."""
        return self.path / "lock.json"
