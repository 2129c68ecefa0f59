"""Processing: ROOT files through a coffea processor into feature shards."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from pydantic import ValidationError

from lineshape.engine import kinds
from lineshape.engine.catalogue import (
    Chunk,
    FileRecord,
    FileRequest,
    chunks_of,
    expand,
    find_tree,
    inspect_file,
    open_file,
    without_repeats,
)
from lineshape.engine.errors import DataError, RequestError, RunError, nearest
from lineshape.engine.executor import Executor
from lineshape.engine.folders import RunFolder
from lineshape.engine.histograms import Histograms, merge, save_control
from lineshape.engine.job import Job
from lineshape.engine.kinds import KindError
from lineshape.engine.processor import Selected, StudyProcessor, events_of, fingerprint
from lineshape.engine.progress import Bars
from lineshape.engine.settings import Settings
from lineshape.engine.shards import FeatureStore, Quarantined, Shard, ShardInfo, read_info, write_shard
from lineshape.engine.verdicts import Cause, Failure, classify

if TYPE_CHECKING:
    from distributed import Client

#: Chunks of one file that one task takes: the file is opened once for all of them.
CHUNKS_A_TASK = 8


@dataclass(frozen=True)
class Plan:
    """What a worker needs to make shards: processor's kind and settings, where they go, what to do with NaN."""

    kind: str
    settings: Settings
    fingerprint: str
    folder: Path
    nonfinite: str

    def path(self, chunk: Chunk) -> Path:
        """Where the shard of a chunk is, or will be."""
        return self.folder / chunk.file.sample / f"{chunk.identity(self.fingerprint)}.parquet"


def process(job: Job, folder: RunFolder, client: "Client", bars: Bars, files: Mapping[str, list[str]]) -> FeatureStore:
    """Make the shards that are not there yet, and the manifest of them all.

    files: for each sample its files, as paths, URLs or globs.

    Raises RequestError where no file can be used, RunError where every chunk failed.
    """
    processor, settings = build_processor(job)
    plan = Plan(
        job.processor.kind, settings, fingerprint(processor, settings, job.nonfinite), folder.features, job.nonfinite
    )
    records, quarantined, notes = _look_into(job, processor, client, bars, files)
    chunks = [chunk for record in records for chunk in chunks_of(record, job.chunk_entries)]
    todo = [chunk for chunk in chunks if not plan.path(chunk).exists()]
    bar = bars.add("processing", len(chunks))
    bar.advance(len(chunks) - len(todo))
    for done, failures in _run(plan, todo, client):
        bar.advance(done)
        quarantined += failures
    store, control = _collect(plan, processor, records, chunks, quarantined, notes)
    _check(store)
    save_control(plan.folder, control)
    store.save()
    return store


def build_processor(job: Job) -> tuple[StudyProcessor, Settings]:
    """The job's processor and its settings.

    Raises KindError where its kind, one of its settings or one of the job's branches is unknown.
    """
    try:
        found = find_processor(job.processor.kind)
        settings: Settings = found.Settings.model_validate(job.processor.settings)
    except RequestError as error:
        raise KindError(("processor", "kind"), error) from error
    except ValidationError as error:
        raise KindError(("processor",), error) from error
    for name in job.branches:
        if name not in found.reads:
            raise KindError(
                ("branches", name),
                RequestError(f"'{name}' is not a column of this study{nearest(name, found.reads)}"),
            )
    return found(settings), settings


def find_processor(kind: str) -> Any:
    """The processor class of a kind."""
    from coffea.processor import ProcessorABC

    return kinds.find("lineshape.processors", ProcessorABC, kind)


def _look_into(
    job: Job, processor: StudyProcessor, client: "Client", bars: Bars, files: Mapping[str, list[str]]
) -> tuple[list[FileRecord], list[Quarantined], list[str]]:
    branches = {name: _alternatives(default) for name, default in processor.reads.items()}
    for name, branch in job.branches.items():
        if name not in branches:
            raise RequestError(
                f"branches: '{name}' is not a column of this study; expected one of {', '.join(branches)}"
            )
        branches[name] = _alternatives(branch)
    requests = [
        FileRequest(sample, path, job.samples[sample].tree, branches)
        for sample, patterns in files.items()
        for path in expand(patterns)
    ]
    bar = bars.add("catalogue", len(requests))
    records: list[FileRecord] = []
    quarantined: list[Quarantined] = []
    for request, outcome in Executor(client, inspect_file).run(requests):
        bar.advance()
        if isinstance(outcome, Failure):
            quarantined.append(Quarantined(request.sample, request.path, -1, -1, outcome.cause.value, outcome.reason))
        else:
            records.append(outcome)
    quarantined.sort(key=lambda item: (item.sample, item.file))
    if not records:
        raise RequestError("no file can be used:\n" + "\n".join(item.reason for item in quarantined[:5]))
    records, repeats = without_repeats(records)
    notes = [f"{again.path} is {first.path} once more (UUID {again.uuid}); counted once" for again, first in repeats]
    return records, quarantined, notes


def _alternatives(branch: str | tuple[str | None, ...] | list[str | None] | None) -> tuple[str | None, ...]:
    return (branch,) if isinstance(branch, str) or branch is None else tuple(branch)


def _run(plan: Plan, todo: list[Chunk], client: "Client") -> Iterator[tuple[int, list[Quarantined]]]:
    """Number of chunks that are dealt with and those that failed, task by task.

    A task that failed is split into its chunks, so that one bad chunk takes no other with it.
    """
    batches: list[tuple[Chunk, ...]] = []
    for _, of_file in groupby(todo, key=lambda chunk: chunk.file):
        chunks = list(of_file)
        batches += [tuple(chunks[i : i + CHUNKS_A_TASK]) for i in range(0, len(chunks), CHUNKS_A_TASK)]
    alone: list[tuple[Chunk, ...]] = []
    work = _Work(plan)
    for batch, outcome in Executor(client, work).run(batches):
        if isinstance(outcome, Failure) and len(batch) > 1:
            alone += [(chunk,) for chunk in batch]
        else:
            yield len(batch), _quarantine(batch, outcome)
    for batch, outcome in Executor(client, work).run(alone):
        yield 1, _quarantine(batch, outcome)


def _quarantine(batch: tuple[Chunk, ...], outcome: Failure | None) -> list[Quarantined]:
    if outcome is None:
        return []
    return [
        Quarantined(chunk.file.sample, chunk.file.path, chunk.start, chunk.stop, outcome.cause.value, outcome.reason)
        for chunk in batch
    ]


@dataclass(frozen=True)
class _Work:
    """On a worker: chunks of one file, opened once. Raises at the first that fails."""

    plan: Plan

    def __call__(self, chunks: tuple[Chunk, ...]) -> None:
        processor = find_processor(self.plan.kind)(self.plan.settings)
        record = chunks[0].file
        with open_file(record.path) as file:
            find_tree(file, record.path, record.tree)
            for chunk in chunks:
                if not self.plan.path(chunk).exists():
                    make_shard(self.plan, processor, file, chunk)


def make_shard(plan: Plan, processor: StudyProcessor, file: Any, chunk: Chunk) -> None:
    """Read a chunk of an open file, let the processor select, and write the shard."""
    record = chunk.file
    events = events_of(file, record.tree, record.branches, chunk.start, chunk.stop)
    events, dropped = _finite(events, chunk, plan.nonfinite)
    selected = processor.process(events)
    _check_columns(selected, processor)
    rows = len(selected.columns["event"])
    info = ShardInfo(chunk.to_dict(), rows, selected.cut_flow, selected.histograms, dropped)
    write_shard(plan.path(chunk), selected.columns, processor.makes, info)


def _finite(events: Any, chunk: Chunk, nonfinite: str) -> tuple[Any, int]:
    """Events whose columns are all finite; raises DataError where others are to be refused."""
    good = np.ones(len(events), dtype=bool)
    for name in events.fields:
        values = _read(events, name, chunk)
        finite = np.isfinite(values)
        each = finite if values.ndim == 1 else ak.all(finite, axis=-1)
        bad = ~ak.to_numpy(each)
        if bad.any() and nonfinite == "refuse":
            branch = chunk.file.branches[name]
            raise DataError(
                f"{chunk.file.path}: branch {branch} holds NaN or infinite values in {bad.sum()} of {len(bad)} "
                f"entries, first in entry {chunk.start + int(np.flatnonzero(bad)[0])}; mend the file, "
                "or set 'nonfinite: drop' in the job file to leave such entries out"
            )
        good &= ~bad
    return (events, 0) if good.all() else (events[good], int((~good).sum()))


def _read(events: Any, name: str, chunk: Chunk) -> ak.Array:
    """A column's values, read now; raises DataError where the file is damaged, OSError where a retry may help."""
    try:
        return ak.materialize(events[name])
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and classify(error).cause is Cause.TRANSIENT:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{chunk.file.path}: branch {chunk.file.branches[name]} is damaged or cut short: {reason[:200]}"
        ) from error


def _check_columns(selected: Selected, processor: StudyProcessor) -> None:
    lengths = {name: len(values) for name, values in selected.columns.items()}
    if "event" not in lengths or len(set(lengths.values())) != 1:
        raise ValueError(f"a processor must return 'event' and columns of one length, and returned {lengths}")
    unknown = set(lengths) - set(processor.makes) - {"event"}
    if unknown:
        raise ValueError(f"columns {sorted(unknown)} are not declared in the processor's 'makes'")


def _collect(
    plan: Plan,
    processor: StudyProcessor,
    records: list[FileRecord],
    chunks: list[Chunk],
    quarantined: list[Quarantined],
    notes: list[str],
) -> tuple[FeatureStore, dict[str, Histograms]]:
    """The manifest of the shards that are there, in the catalogue's order, and the control histograms by sample."""
    shards = []
    cut_flows: dict[str, dict[str, int]] = {}
    control: dict[str, Histograms] = {}
    processed = dropped = 0
    for chunk in chunks:
        path = plan.path(chunk)
        if not path.exists():
            continue
        info = read_info(path)
        sample = chunk.file.sample
        shards.append(Shard(str(path.relative_to(plan.folder)), sample, info.rows, path.stem))
        processed += info.chunk["stop"] - info.chunk["start"]
        dropped += info.dropped
        flow = cut_flows.setdefault(sample, {})
        for cut, count in info.cut_flow.items():
            flow[cut] = flow.get(cut, 0) + count
        control[sample] = merge([control.get(sample, {}), info.histograms])
    files = [
        {"sample": r.sample, "path": r.path, "uuid": r.uuid, "tree": r.tree, "entries": r.entries} for r in records
    ]
    if dropped:
        notes = [*notes, f"{dropped:,} entries with NaN or infinite values were left out (nonfinite: drop)"]
    store = FeatureStore(
        plan.folder,
        tuple(shards),
        dict(processor.makes),
        cut_flows,
        sum(record.entries for record in records),
        processed,
        tuple(sorted(quarantined, key=lambda item: (item.sample, item.file, item.start))),
        tuple(files),
        tuple(notes),
    )
    return store, control


def _check(store: FeatureStore) -> None:
    """Entries processed + entries quarantined = entries in the catalogue; and there is something left to go on with."""
    if not store.shards:
        reasons = dict.fromkeys(item.reason for item in store.quarantined)
        raise RunError("every chunk failed:\n" + "\n".join(list(reasons)[:5]))
    quarantined = sum(item.stop - item.start for item in store.quarantined)
    if store.processed + quarantined != store.entries:
        raise RunError(
            f"entries are not accounted for: {store.entries:,} in the catalogue, {store.processed:,} processed, "
            f"{quarantined:,} quarantined; run 'lineshape process' again"
        )
    if store.rows == 0:
        flows = "; ".join(f"{sample}: {flow}" for sample, flow in store.cut_flows.items())
        raise RunError(f"no object passes the cuts of this study: {flows}")
