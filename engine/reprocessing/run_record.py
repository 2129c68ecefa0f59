"""Define the record of a reprocessing run, a line of the ledger, and read such records."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core import ledger
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.policy import Code, Comparison, Decision
from lineshape.engine.measures.measure import Better
from lineshape.engine.reprocessing.file_changes import News

#: Keys that are written where they are null, too; any other part that a run does not have is left out of its line.
_NULLABLE: Final = {"champion", "value", "uncertainty", "significance"}


@dataclass(frozen=True)
class DataRecord:
    """State of the feature store: numbers of files, entries, objects and quarantined chunks, and its digest.

    lost: fraction of the entries that are quarantined.
    """

    files: int
    entries: int
    processed: int
    rows: int
    quarantined: int
    lost: float
    store: str

    @classmethod
    def of(cls, store: FeatureStore) -> "DataRecord":
        """Return the state of a feature store."""
        return cls(
            files=len(store.files),
            entries=store.entries,
            processed=store.processed,
            rows=store.rows,
            quarantined=len(store.quarantined),
            lost=round(store.lost, 6),
            store=store.digest(),
        )


@dataclass(frozen=True)
class TrainingRecord:
    """A training that came to an end: by which code, on how many objects, for which reasons, and begun when.

    left_out: why the model that is compared was left out, None where it was trained.
    """

    code: Code
    rows: int
    reasons: list[str]
    begun: str
    left_out: str | None = None


@dataclass(frozen=True)
class ComparisonRecord:
    """A challenger's comparison with a champion, by a figure of a measure of a model.

    significance: None where there is no comparison, or where it is infinite.
    """

    model: str
    measure: str
    champion: str
    figure: str
    better: Better
    value: float | None
    uncertainty: float | None
    problem: str
    significance: float | None

    @classmethod
    def of(cls, comparison: Comparison, model: str, measure: str, champion: str) -> "ComparisonRecord":
        """Return the record of a comparison."""
        found = comparison.significance
        # JSON knows no infinity, which is what a difference without an uncertainty has.
        finite = found if found is not None and math.isfinite(found) else None
        return cls(model, measure, champion, **asdict(comparison), significance=finite)


@dataclass(frozen=True)
class DriftRecord:
    """Drift of the champion's features since its training.

    worst, index: the feature that drifted most, and its population stability index. above: features whose drift is
    above the job's limit. left_out: features of which no drift is known, with the reason; earlier versions of this
    program did not save it.
    """

    worst: str
    index: float
    above: list[str]
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class UnknownDrift:
    """Reason for which the drift of the champion's features is not known."""

    problem: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Record of a reprocessing run, or of a rollback, in the ledger; a part is None where the run did not get there.

    what: reprocessing or rollback. after: the killed run that this one continues. content: digest of the version's
    content. unmet: claims of the job file that the challenger does not meet. removed: old versions that were removed.
    champion: the champion after this run, None where there is none. problem: what is left for a person to decide.
    """

    run: int
    what: str
    study: str | None = None
    started: str
    after: str | None = None
    files: News | None = None
    data: DataRecord | None = None
    training: TrainingRecord | None = None
    decision: Decision | None = None
    comparison: ComparisonRecord | None = None
    unmet: list[str] | None = None
    drift: DriftRecord | UnknownDrift | None = None
    version: str | None = None
    content: str | None = None
    removed: list[str] | None = None
    finished: str
    seconds: float
    status: str
    text: str
    champion: str | None = None
    versions: dict[str, str] | None = None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the record as it stands in the ledger."""
        return asdict(self, dict_factory=_present)


def _present(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a part of a record without what the run does not have."""
    return {key: value for key, value in pairs if value is not None or key in _NULLABLE}


def read_runs(path: Path) -> list[RunRecord]:
    """Return the records of a ledger, oldest first; a partial line left by a killed run is skipped.

    Raises RunError naming any other line that is no such record, as every record may decide which version is champion.
    """
    return ledger.read_as(
        path,
        RunRecord,
        "a record of reprocessing",
        "What was published and which version is champion is known from this file alone: put the line back from a "
        "copy; if there is none, remove it: what it said is then forgotten, and no version is touched",
    )
