"""Trainings of scheduled reprocessing: by which code, on how much, and what they did not see."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from lineshape.engine.core.errors import LineshapeError, RunError
from lineshape.engine.core.records import find_record, save_record
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.feature_store.shards import MANIFEST, FeatureStore
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.policy import Attempt, Code
from lineshape.engine.reprocessing.champion import missing_shards

#: In a challenger that is in the making: why, and by which code.
PLAN: Final = "challenger.json"
Record = dict[str, Any]


@dataclass(frozen=True)
class ChallengerPlan:
    """Why a challenger is in the making, since when, and by which code."""

    begun: str
    reasons: list[str]
    code: Code

    def save(self, folder: ReprocessingFolder) -> None:
        """Write it beside the challenger."""
        save_record(folder.challenger.path / PLAN, asdict(self))


def plan_of(folder: ReprocessingFolder) -> ChallengerPlan | None:
    """Return the plan of the challenger that was begun; None where none was, or it is damaged: another one is begun."""
    return find_record(folder.challenger.path / PLAN, ChallengerPlan)


def can_go_on(folder: ReprocessingFolder, plan: ChallengerPlan | None, code: Code) -> bool:
    """Return whether a challenger that was begun is of the code of now, and what it is trained on is all there."""
    if plan is None or plan.code != code:
        return False
    try:
        return not missing_shards(FeatureStore.load(folder.challenger.features))
    except LineshapeError:
        return False


def code_of_job(job: Job) -> Code:
    """Digests of all that a training depends on but the data."""
    from lineshape.engine.job.processor_builder import fingerprint_of

    models = {name: inputs_of(job, model).code(job) for name, model in job.built_models().items() if model.trains}
    return Code(fingerprint_of(job), models)


def last_attempt(records: list[Record]) -> tuple[Attempt | None, str]:
    """The last training that came to an end, and the version that came of it, empty where none did."""
    for record in reversed(records):
        if training := record.get("training"):
            return Attempt(Code(**training["code"]), training["rows"]), record.get("version") or ""
    return None, ""


def seen_by(folder: ReprocessingFolder, version: str) -> FeatureStore | None:
    """What a version was trained on; None where it is known no more, as the version was removed or spoilt."""
    run = RunFolder(folder.version(version))
    try:
        return FeatureStore.load(run.features) if version and (run.features / MANIFEST).is_file() else None
    except RunError:
        return None


def unseen_rows(store: FeatureStore, seen: FeatureStore | None, rows: int) -> int:
    """Objects that a training of so many rows, on a store that may still be known, did not see."""
    if seen is None:
        return max(0, store.rows - rows)
    known_shards = {shard.identity for shard in seen.shards}
    return sum(shard.rows for shard in store.shards if shard.identity not in known_shards)
