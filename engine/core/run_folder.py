"""The run folder: everything that one execution of a job file made."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.records import read_record

_NUMBER: Final = re.compile(r"\d{4,}")
#: What to do where the job in a run folder is damaged.
JOB_AGAIN: Final = "give the job file that the run was made from, and -o {}: each stage writes it anew"


@dataclass(frozen=True)
class RunFolder:
    """Where the parts of a run lie.

    job.json holds the job as it was run, ledger.jsonl what was done and when, features/ the feature store, models/ the
    bundles, histograms/ the performance histograms, report/ the page and its plots, summary.json every figure, search/
    what was tried for a model's settings, export/ models as files of other software, logs/ what workers said where
    something failed, lock.json who is at work, while someone is.

    store: a feature store elsewhere, in place of its own.
    """

    path: Path
    store: Path | None = None

    @classmethod
    def find(cls, name: str | Path) -> "RunFolder":
        """The run folder at a path, or that of a study under runs/; raises RequestError where there is none."""
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
        """The job as it was run."""
        return self.path / "job.json"

    @property
    def ledger(self) -> Path:
        """The record of what was run."""
        return self.path / "ledger.jsonl"

    @property
    def lock(self) -> Path:
        """Who is at work in it."""
        return self.path / "lock.json"

    @property
    def simulated(self) -> Path:
        """Simulated ROOT files, a folder for each sample."""
        return self.path / "simulated"

    @property
    def features(self) -> Path:
        """The feature store."""
        return self.store or self.path / "features"

    @property
    def models(self) -> Path:
        """The bundles, a folder for each model."""
        return self.path / "models"

    @property
    def index(self) -> Path:
        """Which models have a bundle, and why others have none."""
        return self.models / "models.json"

    def search(self, model: str) -> "RunFolder":
        """Trials of a search for a model's settings, on the same feature store."""
        return RunFolder(self.path / "search" / model, self.features)

    @property
    def histograms(self) -> Path:
        """The performance histograms."""
        return self.path / "histograms"

    @property
    def report(self) -> Path:
        """The report's folder."""
        return self.path / "report"

    @property
    def page(self) -> Path:
        """The report's page."""
        return self.report / "index.html"

    @property
    def plots(self) -> Path:
        """What plots the report has, in order; each lies in plots/ beside it."""
        return self.report / "plots.json"

    @property
    def exports(self) -> Path:
        """Models as files of other software."""
        return self.path / "export"

    @property
    def logs(self) -> Path:
        """What workers said, where something failed."""
        return self.path / "logs"

    @property
    def summary(self) -> Path:
        """Every figure, as a list of rows."""
        return self.path / "summary.json"

    @property
    def drift(self) -> Path:
        """How features moved since the champion was trained; there in the latest run of a reprocessing folder."""
        return self.path / "drift.json"


@dataclass(frozen=True)
class JobRecord:
    """What the program reads of a job as it was run, beside the job itself."""

    study: str
    split: dict[str, Any] = field(default_factory=dict)


def read_job(run: RunFolder) -> JobRecord:
    """Return the job as it was run; raises RunError where it is damaged."""
    return read_record(run.job, JobRecord, JOB_AGAIN.format(run.path), partly=True)


@dataclass(frozen=True)
class _Pointer:
    """The version that is champion, as JSON. run: its folder, from that of the pointer."""

    version: str
    run: str


@dataclass(frozen=True)
class ReprocessingFolder:
    """Where scheduled reprocessing keeps what it made, night by night.

    features/ is the feature store of all that was processed, versions/ a run folder for each challenger there was,
    never changed once it is there, latest/ the run of the champion, and of tonight's challenger, on the data of now,
    ledger.jsonl what every run did and which version is champion since, champion.json the same for a quick look,
    lock.json who is at work.
    """

    path: Path

    @classmethod
    def find(cls, name: str | Path) -> "ReprocessingFolder":
        """The one at a path, or that of a study under reprocessing/; raises RequestError where there is none."""
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
        """Whether something was reprocessed there: only then are there such folders, or such records."""
        if RunFolder(self.path).job.is_file():
            return False
        there = self.latest.ledger.is_file() or any(self.version(name).is_dir() for name in self.published())
        return there or any("what" in record for record in ledger.read(self.ledger))

    @property
    def features(self) -> Path:
        """The feature store."""
        return self.path / "features"

    @property
    def versions(self) -> Path:
        """A run folder for each version."""
        return self.path / "versions"

    def version(self, name: str) -> Path:
        """The run folder of a version, by its number (0003)."""
        return self.versions / name

    def published(self) -> list[str]:
        """Numbers of the versions that are there, oldest first; a copy that someone made (0001.bak) is none."""
        numbers = [path.name for path in self.versions.glob("[0-9]*") if path.is_dir() and _NUMBER.fullmatch(path.name)]
        return sorted(numbers, key=int)

    def whole(self, version: str) -> Path:
        """The run folder of the version that is pointed at; raises RequestError where it is gone."""
        if not RunFolder(self.version(version)).job.is_file():
            raise RequestError(
                f"{self.pointer} names version {version} as champion, and {self.version(version)} is not a run: put it "
                f"back, or take another champion of {listing(self.published()) or 'none'}: lineshape ledger rollback "
                f"{self.path} VERSION"
            )
        return self.version(version)

    @property
    def challenger(self) -> RunFolder:
        """The version in the making, which has no number yet."""
        return RunFolder(self.versions / ".challenger")

    @property
    def latest(self) -> RunFolder:
        """The run on the data of now."""
        return RunFolder(self.path / "latest", self.features)

    @property
    def ledger(self) -> Path:
        """The record of every run: the truth on which version is champion."""
        return self.path / "ledger.jsonl"

    @property
    def pointer(self) -> Path:
        """Which version is champion, for those who do not want to read the ledger; set right by every run."""
        return self.path / "champion.json"

    def pointed(self) -> str:
        """The version that the pointer names, empty where there is none; raises RunError where it is damaged."""
        if not self.pointer.is_file():
            return ""
        anew = "remove it; the next run of reprocessing, or 'lineshape ledger rollback', writes it anew from the ledger"
        return read_record(self.pointer, _Pointer, anew).version

    @property
    def lock(self) -> Path:
        """Who is at work."""
        return self.path / "lock.json"
