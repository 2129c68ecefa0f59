"""Determine whether the champion can be measured on the present data, and what is left for a person to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder, read_job
from lineshape.engine.core.split import Split
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.learning.bundles import FILE, Bundle
from lineshape.engine.reprocessing.champion import champion_of, verify
from lineshape.engine.reprocessing.comparison import Criterion, obstacle
from lineshape.engine.reprocessing.run_record import RunRecord


@dataclass(frozen=True)
class ChampionStatus:
    """State of the champion.

    bundle: set where the champion can be measured. problem: otherwise why it cannot. damaged: whether it is damaged.
    """

    version: str | None
    bundle: Bundle | None = None
    problem: str = ""
    damaged: bool = False

    @property
    def key(self) -> str:
        """Identifier of the state, without advice on what to do about it."""
        return "damaged" if self.damaged else self.problem


def champion_status_of(
    folder: ReprocessingFolder, records: Sequence[RunRecord], job: Job, criterion: Criterion
) -> ChampionStatus:
    """Return the champion's state on the present feature store; no bundle and no problem where there is no champion."""
    version = champion_of(records)
    if not version:
        return ChampionStatus(None)
    try:
        verify(folder, version, records)
    except RunError as error:
        return ChampionStatus(version, problem=str(error).rstrip("."), damaged=True)
    run = RunFolder(folder.version(version))
    if not (run.models / criterion.model / FILE).is_file():
        return ChampionStatus(version, problem=f"it has no model {criterion.model}")
    bundle = Bundle.load(run.models / criterion.model)
    try:
        split = Split.model_validate(read_job(run).split)
        problem = obstacle(bundle, split, job, FeatureStore.load(folder.features))
    except SettingsError as error:
        problem = f"its kind is no longer known as it was: {error}"
    return ChampionStatus(version, None if problem else bundle, problem)


def is_whole(folder: ReprocessingFolder, version: str, records: Sequence[RunRecord]) -> bool:
    """Return whether a version exists and is as it was published."""
    try:
        verify(folder, version, records)
    except RunError:
        return False
    return True


def undecided(records: Sequence[RunRecord], folder: Path) -> str:
    """Return a reminder that the last version could not be compared with the champion; empty where it could.

    It is repeated in every reprocessing run until a person decides.
    """
    last = next((record for record in reversed(records) if record.version), None)
    if last is None or last.comparison is None or (last.decision and last.decision.promoted):
        return ""
    champion = last.comparison.champion
    if last.comparison.value is not None or champion_of(records) != champion:
        return ""
    return (
        f"version {last.version} could not be compared with champion {champion}: a person decides, by "
        f"'lineshape ledger rollback {folder} {last.version}'"
    )
