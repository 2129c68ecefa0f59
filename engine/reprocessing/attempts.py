"""Keep track of the trainings of scheduled reprocessing: their code, their rows, and the data they did not see."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from lineshape.engine.core.errors import LineshapeError, RunError
from lineshape.engine.core.records import find_record, save_record
from lineshape.engine.core.run_folder import ReprocessingFolder, RunFolder
from lineshape.engine.feature_store.store import MANIFEST, FeatureStore
from lineshape.engine.job.inputs import inputs_of
from lineshape.engine.job.job import Job
from lineshape.engine.job.policy import Attempt, Code
from lineshape.engine.reprocessing.champion import missing_shards
from lineshape.engine.reprocessing.run_record import RunRecord

#: File in an unfinished challenger: why it is made, and by which code.
PLAN: Final = "challenger.json"


@dataclass(frozen=True)
class ChallengerPlan:
    """Record of why a challenger is being made, since when, and by which code."""

    begun: str
    reasons: list[str]
    code: Code

    def save(self, folder: ReprocessingFolder) -> None:
        """Write the plan into the challenger's folder."""
        save_record(folder.challenger.path / PLAN, asdict(self))


def plan_of(folder: ReprocessingFolder) -> ChallengerPlan | None:
    """Return the plan of the challenger that was begun.

    None where there is no such challenger, or its plan is damaged: another one is then begun.
    """
    return find_record(folder.challenger.path / PLAN, ChallengerPlan)


def can_go_on(folder: ReprocessingFolder, plan: ChallengerPlan | None, code: Code) -> bool:
    """Return whether a challenger that was begun has the present code and all the shards that it is trained on."""
    if plan is None or plan.code != code:
        return False
    try:
        return not missing_shards(FeatureStore.load(folder.challenger.features))
    except LineshapeError:
        return False


def code_of_job(job: Job) -> Code:
    """Return digests of everything except the data that a training depends on."""
    from lineshape.engine.job.processor_builder import fingerprint_of

    models = {name: inputs_of(job, model).code(job) for name, model in job.built_models().items() if model.is_learnt}
    return Code(fingerprint_of(job), models)


def last_attempt(records: Sequence[RunRecord]) -> tuple[Attempt | None, str]:
    """Return the last training that came to an end, and the version that it produced (empty where it produced none)."""
    for record in reversed(records):
        if record.training:
            return Attempt(record.training.code, record.training.rows), record.version or ""
    return None, ""


def seen_by(folder: ReprocessingFolder, version: str) -> FeatureStore | None:
    """Return the feature store that a version was trained on; None where the version was removed or is damaged."""
    run = RunFolder(folder.version(version))
    try:
        return FeatureStore.load(run.features) if version and (run.features / MANIFEST).is_file() else None
    except RunError:
        return None


def unseen_rows(store: FeatureStore, seen: FeatureStore | None, rows: int) -> int:
    """Return the number of objects in a store that a training did not see.

    seen: the store that it was trained on, None where it no longer exists. rows: its number of rows.
    """
    if seen is None:
        return max(0, store.rows - rows)
    known_shards = {shard.identity for shard in seen.shards}
    return sum(shard.rows for shard in store.shards if shard.identity not in known_shards)
