"""Apply bundles to files: make the parts of each output, and join those of files of which none failed."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lineshape.engine.core.errors import RequestError, RunError, nearest
from lineshape.engine.core.files import sweep
from lineshape.engine.execution import memory
from lineshape.engine.execution.executor import TASKS_A_WORKER, Executor
from lineshape.engine.execution.failures import Failure, hopeless
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.processor import Selects
from lineshape.engine.input.schemas import schema_of
from lineshape.engine.input.sources import Patterns
from lineshape.engine.input.tasks import outcomes
from lineshape.engine.job.discovery import Catalogue, look_into
from lineshape.engine.job.job import Job
from lineshape.engine.job.processor_builder import build_processor, built_of, fingerprint_of
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.stages.applying.existing import (
    Existing,
    OutputRecord,
    find_existing,
    record_of,
    save_index,
)
from lineshape.engine.stages.applying.join import Joined, Joiner
from lineshape.engine.stages.applying.make_parts import PartMaker
from lineshape.engine.stages.applying.needs import needs
from lineshape.engine.stages.applying.plan import ApplyPlan, ScoreFile, Wanted, digest_of, names_of, recipe_of

#: Subfolder of the state of an applying with the parts of outputs.
PARTS = "parts"


@dataclass(frozen=True)
class AppliedFile:
    """An input file and its output. entries: number in both. rows: number of objects, or entries, with scores."""

    sample: str
    input: str
    output: Path
    entries: int
    rows: int


@dataclass(frozen=True)
class Applied:
    """Outputs of files.

    files: those that have an output, by sample and path. made: number of outputs that were not there before.
    quarantined: files without an output. lost: their fraction of all entries. notes: for the user.
    """

    files: tuple[AppliedFile, ...]
    made: int
    quarantined: tuple[Quarantined, ...]
    lost: float
    notes: tuple[str, ...]

    @property
    def entries(self) -> int:
        """Number of entries in the outputs."""
        return sum(file.entries for file in self.files)

    @property
    def rows(self) -> int:
        """Number of objects, or entries, with scores."""
        return sum(file.rows for file in self.files)


def apply(
    job: Job,
    bundles: Mapping[str, Bundle],
    state: Path,
    to: Path,
    wanted: Wanted,
    workers: Workers,
    bars: Bars,
    files: Mapping[str, Patterns],
) -> Applied:
    """Make the outputs that do not exist yet.

    bundles: by the name of their branches. state: folder for what is remembered between attempts. to: folder of
    outputs. files: for each sample its files, as of `process`.

    Raises RequestError where no file can be used, or something in the folder would be overwritten, RunError where every
    chunk failed.
    """
    plan, processor = _plan(job, bundles, state, to, wanted)
    # Files of data have no sums of generated weights, and no score needs them.
    unweighted = job.model_copy(update={"weight": None, "branches": job.branches | _optional(job, processor)})
    catalogue = look_into(unweighted, processor, state, workers, bars, files, once=False)
    outputs = _outputs(catalogue, wanted)
    existing = find_existing(plan, outputs)
    todo = [output for output in outputs if output.name not in existing.done]
    chunks: dict[str, list[Chunk]] = {output.name: [] for output in todo}
    names = {(output.file.sample, output.file.path): output.name for output in todo}
    for chunk in catalogue.chunks:
        if name := names.get((chunk.file.sample, chunk.file.path)):
            chunks[name].append(chunk)
    failures = _make_parts(plan, names, chunks, workers, bars)
    joined, more = _join(plan, [each for each in todo if each.name not in failures], chunks, existing, workers, bars)
    failures |= more
    records = {output.name: record_of(plan, output, *joined[output.name]) for output in todo if output.name in joined}
    for name in failures.keys() & existing.stale.keys():
        (to / name).unlink(missing_ok=True)
    notes = [*catalogue.notes, *_notes(existing, failures)]
    quarantined = [
        *catalogue.quarantined,
        *(_quarantined(each, failures[each.name]) for each in todo if each.name in failures),
    ]
    save_index(to, existing.done | records, failures, quarantined)
    _clean(plan, [output for output in todo if output.name in failures])
    return _applied(plan, outputs, existing.done | records, len(records), quarantined, notes)


def _optional(job: Job, processor: Selects) -> dict[str, list[str | None]]:
    """Return alternatives for the branches of the weight's columns: data have none, and no score needs them."""
    found: dict[str, list[str | None]] = {}
    for name in job.weight.columns if job.weight else ():
        if name in processor.inputs:
            branch = job.branches.get(name, processor.inputs[name])
            known = [branch] if isinstance(branch, str) or branch is None else list(branch)
            found[name] = known if None in known else [*known, None]
    return found


def _outputs(catalogue: Catalogue, wanted: Wanted) -> list[ScoreFile]:
    """Return the outputs of all files that can be used; files that cannot be now have names, too, for later."""
    usable = [(record.sample, record.path) for record in catalogue.records]
    names = names_of(sorted([*usable, *((item.sample, item.file) for item in catalogue.quarantined)]), wanted.format)
    return [ScoreFile(record, names[record.sample, record.path]) for record in catalogue.records]


def _plan(job: Job, bundles: Mapping[str, Bundle], state: Path, to: Path, wanted: Wanted) -> tuple[ApplyPlan, Selects]:
    """Return the plan and the processor; raises RequestError where a bundle needs what the processor does not make."""
    bare, settings = build_processor(job)
    processor = built_of(bare, job.derived)
    if schema_of(processor) is not None:
        raise RequestError(
            f"processor {job.processor.kind} reads whole events in a schema, and which objects it chose is not known: "
            "expected one with 'inputs'; in Python, Bundle.predict takes columns"
        )
    for bundle in bundles.values():
        _require_columns(bundle, processor)
    plan = ApplyPlan(
        job.processor.kind,
        settings,
        job.nonfinite,
        {name: bundle.folder.absolute() for name, bundle in bundles.items()},
        {name: digest_of(bundle) for name, bundle in bundles.items()},
        recipe_of(fingerprint_of(job), bundles, wanted.copies, job.chunk_entries),
        wanted,
        state / PARTS,
        to,
        job.study,
        job.derived,
    )
    return plan, processor


def _require_columns(bundle: Bundle, processor: Selects) -> None:
    known = [*processor.outputs, "event"]
    for name in bundle.columns:
        if name not in known:
            raise RequestError(
                f"model {bundle.name} needs column '{name}', which the processor does not make{nearest(name, known)}: "
                "name the job that it was trained by with --job"
            )


def _make_parts(
    plan: ApplyPlan,
    names: Mapping[tuple[str, str], str],
    chunks: Mapping[str, Sequence[Chunk]],
    workers: Workers,
    bars: Bars,
) -> dict[str, list[Failure]]:
    """Make missing parts; return the failures of each output that has any.

    Raises RequestError where they would need more memory than there is, RunError early where the processor fails on
    everything.
    """
    every = [chunk for of_file in chunks.values() for chunk in of_file]
    where = {
        chunk: ScoreFile(chunk.file, name).part(plan, chunk.start, chunk.stop)
        for name, of in chunks.items()
        for chunk in of
    }
    todo = [chunk for chunk in every if not where[chunk].exists()]
    if todo:
        memory.check(needs(todo, memory.worker_limit(workers), TASKS_A_WORKER * workers.number))
    bar = bars.add("applying", len(every))
    done = len(every) - len(todo)
    bar.advance(done)
    failed: dict[Chunk, Failure] = {}
    for chunk, outcome in outcomes(workers, PartMaker(plan, names), todo):
        bar.advance()
        if outcome is None:
            done += 1
            continue
        failed[chunk] = outcome
        if hopeless([*failed.values()], done):
            raise RunError(f"stopped early, as each of the first {len(failed)} chunks failed: {outcome.reason}")
    found: dict[str, list[Failure]] = {}
    for chunk in every:
        # A task that failed may have made some of its parts before that.
        if chunk in failed and not where[chunk].exists():
            found.setdefault(names[chunk.file.sample, chunk.file.path], []).append(failed[chunk])
    return found


def _join(
    plan: ApplyPlan,
    outputs: Sequence[ScoreFile],
    chunks: Mapping[str, Sequence[Chunk]],
    existing: Existing,
    workers: Workers,
    bars: Bars,
) -> tuple[dict[str, tuple[int, str]], dict[str, list[Failure]]]:
    """Write outputs; return rows and collection of each, and the failures of others.

    Files in which nothing passes the cuts do not tell what scores are of; they are written last, as others tell.
    """
    ranges = {output.name: tuple((chunk.start, chunk.stop) for chunk in chunks[output.name]) for output in outputs}
    bar = bars.add("writing", len(outputs))
    written: dict[str, tuple[int, str]] = {}
    failures: dict[str, list[Failure]] = {}
    untold: list[tuple[ScoreFile, Joined]] = []

    def run(joiner: Joiner, some: Sequence[ScoreFile]) -> None:
        for output, outcome in Executor(workers, joiner).run(some):
            if isinstance(outcome, Failure):
                failures[output.name] = [outcome]
            elif outcome.written:
                written[output.name] = (outcome.rows, outcome.collection)
                with suppress(FileNotFoundError):
                    shutil.rmtree(output.parts(plan))
            else:
                untold.append((output, outcome))
                continue
            bar.advance()

    run(Joiner(plan, ranges), outputs)
    if untold:
        told = [written[output.name][1] for output in outputs if output.name in written]
        told += [record.collection for record in existing.done.values() if record.rows]
        collection = told[0] if told else _only([joined for _, joined in untold])
        run(Joiner(plan, ranges, collection), [output for output, _ in untold])
    return written, failures


def _only(joined: Sequence[Joined]) -> str:
    """Return what scores are of where nothing passes the cuts in any file; raises RunError where it is not known."""
    may_be = list(dict.fromkeys(name for each in joined for name in each.collections))
    if len(may_be) > 1:
        raise RunError(
            f"no object passes the cuts of this study in any file, so that it is not known of which objects "
            f"({', '.join(may_be)}) scores are: loosen the cuts, or apply to other files as well"
        )
    return may_be[0] if may_be else ""


def _quarantined(output: ScoreFile, failures: Sequence[Failure]) -> Quarantined:
    first, file = failures[0], output.file
    more = f" (and {len(failures) - 1} more of its chunks failed)" if len(failures) > 1 else ""
    return Quarantined(file.sample, file.path, 0, file.entries, first.cause.value, first.reason + more)


def _notes(existing: Existing, failures: Mapping[str, object]) -> list[str]:
    """Return notes on outputs that were there and are not what is wanted."""
    return [
        f"output {name} {'is removed, as its input cannot be read now' if name in failures else 'is made anew'}: {what}"
        for name, what in existing.stale.items()
    ]


def _clean(plan: ApplyPlan, unfinished: Sequence[ScoreFile]) -> None:
    """Remove parts that no output needs any more, and temporary files that killed processes left."""
    kept = {output.parts(plan) for output in unfinished}
    for folder in plan.parts.glob("*"):
        if folder not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    sweep(plan.to)


def _applied(
    plan: ApplyPlan,
    outputs: Sequence[ScoreFile],
    records: Mapping[str, OutputRecord],
    made: int,
    quarantined: Sequence[Quarantined],
    notes: Sequence[str],
) -> Applied:
    """Return the result; raises RunError where no file has an output, or entries are not accounted for."""
    there = [(output, records[output.name]) for output in outputs if output.name in records]
    if not there:
        raise RunError("no file has an output:\n" + "\n".join([item.line for item in quarantined][:5]))
    files = tuple(
        AppliedFile(output.file.sample, output.file.path, plan.to / output.name, record.entries, record.rows)
        for output, record in there
    )
    ordered = sorted(quarantined, key=lambda item: (item.sample, item.file, item.start))
    applied = Applied(files, made, tuple(ordered), _lost([output.file for output in outputs], ordered), tuple(notes))
    expected = sum(output.file.entries for output in outputs)
    lost = sum(item.stop - item.start for item in ordered if item.start >= 0)
    if applied.entries + lost != expected:
        raise RunError(
            f"entries are not accounted for: {expected:,} in the inputs, {applied.entries:,} in outputs, {lost:,} "
            "quarantined; run the same command again"
        )
    if applied.entries and not applied.rows:
        return replace(applied, notes=(*notes, "no object passes the cuts: all scores are NaN"))
    return applied


def _lost(files: Sequence[FileRecord], quarantined: Sequence[Quarantined]) -> float:
    """Return the quarantined fraction of the entries; a file that could not be counted is assumed to be average."""
    entries = sum(file.entries for file in files)
    uncounted = sum(item.start < 0 for item in quarantined) * entries / max(1, len(files))
    lost = sum(item.stop - item.start for item in quarantined if item.start >= 0)
    return (lost + uncounted) / max(1.0, entries + uncounted)
