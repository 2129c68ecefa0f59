"""Report what a run of scheduled reprocessing would do, without changing anything on disk."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lineshape.engine.core.lock import Holder, born, is_stale, read_holder
from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.execution.progress import Screen
from lineshape.engine.feature_store.store import MANIFEST, FeatureStore
from lineshape.engine.input.catalogue import NOT_THERE, FileRequest, remembered
from lineshape.engine.job import derived
from lineshape.engine.job.job import Job
from lineshape.engine.job.policy import reasons_to_train
from lineshape.engine.reprocessing.attempts import (
    can_go_on,
    code_of_job,
    last_attempt,
    plan_of,
    seen_by,
    unseen_rows,
)
from lineshape.engine.reprocessing.champion import champion_of, unrecorded
from lineshape.engine.reprocessing.comparison import criterion_of
from lineshape.engine.reprocessing.file_changes import known, news_of, state_to_come, tell
from lineshape.engine.reprocessing.output_folders import folder_of
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs


@dataclass(frozen=True)
class PlannedWork:
    """Work that a run would do: numbers of files by kind of change, and the reasons to train a challenger."""

    files: dict[str, int]
    train: list[str]


@dataclass(frozen=True)
class DryRun:
    """Result of a dry run: the work of a run, and all that it would do in words."""

    study: str
    text: str
    champion: str | None
    would: PlannedWork
    status: str = "dry run"

    def to_dict(self) -> dict[str, Any]:
        """Return the result with the keys of a run's record."""
        return asdict(self)


def describe(job: Job, output: str | Path | None = None, screen: Screen | None = None) -> DryRun:
    """Print and return what `reprocess` would do, as far as can be known without opening new files.

    Raises RequestError where the request is wrong.
    """
    folder, criterion = folder_of(job, output), criterion_of(job)
    records = read_runs(folder.ledger)
    files, said = _files(job, folder, records)
    training = _training(job, folder, records, files["new"] + files["changed"] + files["repaired"] > 0)
    if busy := _busy(folder):
        said.insert(0, f"another run is going on, held by {busy}: this one would exit at once with 75")
    said.append(f"files: {tell(files)}")
    said += training or ["no training: neither the code nor enough of the data changed"]
    if training:
        policy = job.reprocess
        said.append(
            f"then {criterion.model} is judged by {criterion.figure} of {criterion.measure} and promoted if: "
            f"{policy.promote} (sigmas: {policy.sigmas:g})"
        )
    console = (screen or Screen()).console
    for line in said:
        console.print(f"would: {line}", highlight=False, markup=False, soft_wrap=True)
    return DryRun(job.study, "; ".join(said), champion_of(records), PlannedWork(dict(files), training))


def _files(job: Job, folder: ReprocessingFolder, records: Sequence[RunRecord]) -> tuple[Counter[str], list[str]]:
    """Count the files by kind of change, and list the samples that would be simulated."""
    from lineshape.engine.input.findings import require_there
    from lineshape.engine.input.sources import expand
    from lineshape.engine.job.discovery import requests_of
    from lineshape.engine.job.processor_builder import build_processor, built_of

    patterns, said = {}, []
    for name, sample in job.samples.items():
        made = folder.latest.simulated / name
        if sample.files or any(made.glob("*.root")):
            patterns[name] = sample.files or [str(made)]
        else:
            said.append(f"sample {name} is simulated")
    bare, _ = build_processor(job)
    derived.require(bare, job.derived)
    listings = {name: expand(some) for name, some in patterns.items()}
    requests = requests_of(job, built_of(bare, job.derived), listings)
    require_there(requests)
    return _counted(requests, folder, records), said


def _counted(requests: list[FileRequest], folder: ReprocessingFolder, records: Sequence[RunRecord]) -> Counter[str]:
    """Count the files by the kind of change that a run would report; an unknown outcome is assumed to be good."""
    before = known(record.files or {} for record in records)
    looked = remembered(folder.features)
    states = {
        key: state_to_come(key, before.get(key), looked.get(request.key), request.version != NOT_THERE)
        for request in requests
        for key in [(request.sample, request.source.path)]
    }
    return Counter({kind: len(files) for kind, files in news_of(before, states).items()})


def _training(job: Job, folder: ReprocessingFolder, records: Sequence[RunRecord], more: bool) -> list[str]:
    """Return the reasons for which a challenger would be trained.

    more: whether there are files not yet inspected, whose number of objects is unknown.
    """
    code = code_of_job(job)
    plan = plan_of(folder)
    unknown = unrecorded(folder, records)[-1:]
    if plan and can_go_on(folder, plan, code):
        return [f"go on with the challenger that was begun at {plan.begun}"]
    if unknown:
        return [f"go on with version {', '.join(unknown)}, which a killed run was about to publish"]
    attempt, version = last_attempt(records)
    unseen = 0
    if (folder.features / MANIFEST).is_file():
        unseen = unseen_rows(
            FeatureStore.load(folder.features), seen_by(folder, version), attempt.rows if attempt else 0
        )
    reasons = reasons_to_train(attempt, code, unseen, job.reprocess.grown)
    if reasons:
        return [f"train: {reason}" for reason in reasons]
    if more and attempt:
        share = unseen / max(attempt.rows, 1)
        return [f"train if the new files bring the new objects from {share:.0%} to {job.reprocess.grown:.0%}"]
    return []


def _busy(folder: ReprocessingFolder) -> str:
    holder = read_holder(folder.lock)
    if holder is None or is_stale(holder, Holder.here(), born(holder.pid)):
        return ""
    return str(holder)
