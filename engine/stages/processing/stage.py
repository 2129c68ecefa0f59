"""Run ROOT files through a coffea processor into feature shards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lineshape.engine.core.errors import DAMAGES, RunError
from lineshape.engine.core.files import sweep
from lineshape.engine.core.histograms import save_control
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution import memory
from lineshape.engine.execution.executor import TASKS_A_WORKER, Executor
from lineshape.engine.execution.failures import Failure, hopeless
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.event_numbers import remark
from lineshape.engine.feature_store.partial_sums import PartialSum, ShardGroup, Sum, by_height
from lineshape.engine.feature_store.shards import columns_in, identities_in, shard_path
from lineshape.engine.feature_store.store import FeatureStore, Quarantined, Shard
from lineshape.engine.input.catalogue import Chunk
from lineshape.engine.input.processor import Selects
from lineshape.engine.input.sources import Patterns
from lineshape.engine.input.tasks import outcomes
from lineshape.engine.job.derived import limited
from lineshape.engine.job.discovery import Catalogue, look_into
from lineshape.engine.job.job import Job
from lineshape.engine.job.processor_builder import build_processor, built_of, fingerprint_of
from lineshape.engine.job.varied import Varied, require_variations
from lineshape.engine.stages.processing.make_shards import ShardPlan
from lineshape.engine.stages.processing.needs import needs
from lineshape.engine.stages.processing.weighing import weigh


def process(
    job: Job,
    folder: RunFolder,
    workers: Workers,
    bars: Bars,
    files: Mapping[str, Patterns],
    varied: Varied | None = None,
    known: Path | None = None,
) -> FeatureStore:
    """Make the shards that do not exist yet, and the manifest of all of them.

    files: for each sample its files, as paths, URLs, globs, folders or lists, or an already expanded listing. varied: a
    variation of the job. known: another feature store, whose findings on files are taken over.

    Raises RequestError where no file can be used, RunError where every chunk failed.
    """
    bare, settings = build_processor(job, varied)
    require_variations(job, bare)
    mark = fingerprint_of(job, varied)
    plan = ShardPlan(job.processor.kind, settings, mark, folder.features, job.nonfinite, job.derived, varied)
    processor = built_of(bare, job.derived, varied)
    catalogue = look_into(job, processor, folder.features, workers, bars, files, known=known)
    failures = _make(plan, catalogue, workers, bars)
    sums, torn = _add_up(plan, catalogue.chunks, workers, bars)
    if torn:
        failures = _make(plan, catalogue, workers, bars)
        sums, torn = _add_up(plan, catalogue.chunks, workers, bars)
    if torn:
        raise RunError(
            f"{len(torn)} shards or their partial sums were cut short twice in a row, first {torn[0]}: "
            "is the disk failing?"
        )
    seen = {name: column.seen for name, column in job.derived.items()}
    store = replace(_store(plan, processor, catalogue, failures, sums), seen=seen).with_classes(job.class_columns)
    _check(store)
    store = weigh(job, store, catalogue, workers, bars)
    store = replace(store, notes=(*store.notes, *_limits(job, sums)))
    control = save_control(plan.folder, {sample: total.histograms for sample, total in sums.items()})
    store = replace(store, control=control)
    store.save()
    sweep(plan.folder)
    return store


def _make(plan: ShardPlan, catalogue: Catalogue, workers: Workers, bars: Bars) -> list[Quarantined]:
    """Make missing shards; return the chunks that could not be made.

    Raises RequestError where they would need more memory than there is, RunError early where the processor fails on
    everything.
    """
    chunks = catalogue.chunks
    there = _there(plan, chunks)
    todo = [chunk for chunk in chunks if chunk.identity(plan.fingerprint) not in there[chunk.file.sample]]
    if todo:
        memory.check(needs(catalogue, memory.worker_limit(workers), TASKS_A_WORKER * workers.number))
    bar = bars.add("processing", len(chunks))
    done = len(chunks) - len(todo)
    bar.advance(done)
    failures: list[Failure] = []
    quarantined = []
    for chunk, outcome in outcomes(workers, plan, todo):
        bar.advance()
        if outcome is None:
            done += 1
            continue
        failures.append(outcome)
        quarantined.append((chunk, outcome))
        if hopeless(failures, done):
            raise RunError(f"stopped early, as each of the first {len(failures)} chunks failed: {outcome.reason}")
    # A task that failed may have made some of its shards before that.
    there = _there(plan, chunks)
    return [
        _quarantined(chunk, failure)
        for chunk, failure in quarantined
        if chunk.identity(plan.fingerprint) not in there[chunk.file.sample]
    ]


def _quarantined(chunk: Chunk, failure: Failure) -> Quarantined:
    return Quarantined(chunk.file.sample, chunk.file.path, chunk.start, chunk.stop, failure.cause.value, failure.reason)


def _there(plan: ShardPlan, chunks: Sequence[Chunk]) -> dict[str, set[str]]:
    """Return the identities of existing shards, by sample."""
    return {sample: identities_in(plan.folder, sample) for sample in {chunk.file.sample for chunk in chunks}}


def _add_up(
    plan: ShardPlan, chunks: Sequence[Chunk], workers: Workers, bars: Bars
) -> tuple[dict[str, PartialSum], list[str]]:
    """Return the partial sum of all existing shards of each sample, and the truncated shards, which are removed."""
    there = _there(plan, chunks)
    shards: dict[str, list[Path]] = {}
    for chunk in chunks:
        sample, identity = chunk.file.sample, chunk.identity(plan.fingerprint)
        if identity in there[sample]:
            shards.setdefault(sample, []).append(shard_path(plan.folder, sample, identity))
    folder = plan.folder / "partial_sums"
    sums = {sample: Sum.of(folder, of_sample, ShardGroup.of) for sample, of_sample in shards.items()}
    levels = by_height(sums.values())
    bar = bars.add("adding up", sum(map(len, levels)))
    torn: list[str] = []
    for level in levels:
        for group, outcome in Executor(workers, ShardGroup.__call__).run(level):
            bar.advance()
            if isinstance(outcome, Failure):
                raise RunError(f"partial sum {group.path} could not be made: {outcome.reason}")
            torn += outcome
        if torn:
            return {}, torn
    found = {}
    for sample, each in sums.items():
        try:
            found[sample] = PartialSum.load(each.path)
        except MemoryError:
            raise
        except (RunError, *DAMAGES):
            each.path.unlink(missing_ok=True)
            torn.append(each.path.stem)
    return found, torn


def _store(
    plan: ShardPlan,
    processor: Selects,
    catalogue: Catalogue,
    failures: Sequence[Quarantined],
    sums: Mapping[str, PartialSum],
) -> FeatureStore:
    """Return the manifest of existing shards, in the catalogue's order."""
    notes = list(catalogue.notes)
    if dropped := sum(total.dropped for total in sums.values()):
        notes.append(f"{dropped:,} entries with NaN or infinite values were left out (nonfinite: drop)")
    notes += filter(None, (remark(name, sum(each.shards.values()), each.events) for name, each in sums.items()))
    quarantined = sorted([*catalogue.quarantined, *failures], key=lambda item: (item.sample, item.file, item.start))
    files = tuple(
        {name: getattr(record, name) for name in ("sample", "path", "uuid", "tree", "entries", "size", "content")}
        for record in catalogue.records
    )
    # A column may be left out by the processor's settings, or where files lack its inputs.
    firsts = [
        shard_path(plan.folder, sample, next(iter(total.shards))) for sample, total in sums.items() if total.shards
    ]
    made: set[str] = set().union(*map(columns_in, firsts))
    return FeatureStore(
        plan.folder,
        tuple(
            Shard(str(shard_path(Path(), sample, identity)), sample, rows, identity)
            for sample, total in sums.items()
            for identity, rows in total.shards.items()
        ),
        {name: metadata for name, metadata in processor.outputs.items() if name in made},
        {sample: total.cut_flow for sample, total in sums.items()},
        sum(record.entries for record in catalogue.records),
        sum(total.processed for total in sums.values()),
        tuple(quarantined),
        files,
        tuple(notes),
    )


def _limits(job: Job, sums: Mapping[str, PartialSum]) -> list[str]:
    """Return a note for each derived column and sample that has values at the column's limit."""
    notes = []
    for name, column in job.derived.items():
        for sample, total in sums.items():
            if (found := total.histograms.get(limited(name))) is not None and (most := found.values()[1]):
                number = found.sum()
                notes.append(
                    f"sample {sample}: {name} is limited to {column.most:g} in {most:,.0f} of {number:,.0f} rows "
                    f"({most / number:.2%})"
                )
    return notes


def _check(store: FeatureStore) -> None:
    """Check that entries processed + entries quarantined = entries in the catalogue, and that any objects are left.

    Raises RunError otherwise.
    """
    if not store.shards:
        reasons = dict.fromkeys(item.reason for item in store.quarantined)
        raise RunError("every chunk failed:\n" + "\n".join(list(reasons)[:5]))
    entries = Counter[str]()
    for file in store.files:
        entries[file["sample"]] += file["entries"]
    for sample, number in entries.items():
        if number and sample not in store.samples:
            reasons = dict.fromkeys(item.reason for item in store.quarantined if item.sample == sample)
            said = "\n".join(list(reasons)[:5])
            raise RunError(f"sample {sample}: none of its {number:,} entries could be processed:\n{said}")
    quarantined = sum(item.stop - item.start for item in store.quarantined)
    if store.processed + quarantined != store.entries:
        raise RunError(
            f"entries are not accounted for: {store.entries:,} in the catalogue, {store.processed:,} processed, "
            f"{quarantined:,} quarantined; run 'lineshape process' again"
        )
    if store.rows == 0:
        flows = "; ".join(f"{sample}: {flow}" for sample, flow in store.cut_flows.items())
        raise RunError(f"no object passes the cuts of this study: {flows}")
