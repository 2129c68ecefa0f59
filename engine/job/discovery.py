"""Discover what there is to process: the present files, their chunks, and files that cannot be used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.core.errors import RequestError
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import Quarantined
from lineshape.engine.input.catalogue import (
    Chunk,
    FileRecord,
    FileRequest,
    chunks_of,
    remember,
    remembered,
    versions,
)
from lineshape.engine.input.copies import notes_on, without_copies
from lineshape.engine.input.findings import (
    Found,
    in_some_alone,
    of_other_stores,
    require_there,
    require_usable,
    without_events,
)
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.processor import Selects
from lineshape.engine.input.sources import Listing, Patterns, expand
from lineshape.engine.job.job import Job


@dataclass(frozen=True)
class Catalogue:
    """Files by sample and path, the chunks they are cut into, files that could not be used, and notes for the user."""

    records: list[FileRecord]
    chunks: list[Chunk]
    quarantined: list[Quarantined]
    notes: list[str]


def look_into(
    job: Job,
    processor: Selects,
    folder: Path,
    workers: Workers,
    bars: Bars,
    files: Mapping[str, Patterns],
    once: bool = True,
    known: Path | None = None,
) -> Catalogue:
    """Open, on the workers, the files that changed since they were last inspected, and return the catalogue.

    folder: where results of inspection are cached, as that of the feature store. files: for each sample, as of
    `process`. once: whether a file of which a sample has copies is counted once. known: another such folder, whose
    results are taken over.

    Raises RequestError where no file of a sample can be used, or none has any entries; RunError where a retry may still
    read those of a sample.
    """
    listings = {sample: expand(patterns) for sample, patterns in files.items()}
    requests = requests_of(job, processor, listings)
    notes = [note for found_of in listings.values() for note in found_of.notes]
    catalogue = look_into_files(
        requests, notes, folder, workers, bars, lambda record: chunks_of(record, job.chunk_entries), once, known=known
    )
    if not catalogue.chunks:
        raise RequestError(f"there are no events: the trees of all {len(catalogue.records)} files have no entries")
    return catalogue


def look_into_files(
    requests: Sequence[FileRequest],
    notes: Sequence[str],
    folder: Path,
    workers: Workers,
    bars: Bars,
    divide: Callable[[FileRecord], list[Chunk]],
    once: bool = True,
    whole: bool = True,
    known: Path | None = None,
) -> Catalogue:
    """Open, on the workers, the files that changed since they were last inspected, and return the catalogue.

    notes: of how the files were found. divide: returns the chunks of a file. whole: whether a sample of which no file
    can be opened is an error, as where samples are used together, and not left out. Others, and errors: as of
    `look_into`.
    """
    require_there(requests)
    found = _found(requests, folder, workers, bars, known)
    require_usable(found, whole)
    records = [record for _, record in found if isinstance(record, FileRecord)]
    records, copies = without_copies(records) if once else (sorted(records, key=_by_path), [])
    chunks = [chunk for record in records for chunk in divide(record)]
    quarantined = [
        Quarantined(request.sample, request.source.path, -1, -1, outcome.cause.value, outcome.reason)
        for request, outcome in found
        if isinstance(outcome, Failure)
    ]
    every = [*notes, *(notes_on(records, copies) if once else []), *of_other_stores(found), *in_some_alone(records)]
    every += without_events(records, quarantined)
    return Catalogue(records, chunks, quarantined, every)


def _by_path(record: FileRecord) -> tuple[str, str]:
    return record.sample, record.path


def _found(
    requests: Sequence[FileRequest], folder: Path, workers: Workers, bars: Bars, known: Path | None = None
) -> Found:
    """Return results of inspection: cached ones where the file is unchanged, new ones for the others."""
    bar = bars.add("catalogue", len(requests))
    before = (remembered(known) if known else {}) | remembered(folder)
    found: Found = [(request, before[request.key]) for request in requests if request.key in before]
    new = [request for request in requests if request.key not in before]
    bar.advance(len(found))
    for request, outcome in Executor(workers, inspect_file).run(new):
        bar.advance()
        found.append((request, outcome))
    if new:
        remember(folder, found)
    return found


def requests_of(job: Job, processor: Selects, files: Mapping[str, Listing]) -> list[FileRequest]:
    """Return a request for each file of each sample, with its present version and the branches to read."""
    branches = {name: _alternatives(default) for name, default in processor.inputs.items()}
    branches |= {name: _alternatives(branch) for name, branch in job.branches.items()}
    now = versions([source.path for found in files.values() for source in found.sources])
    return [
        FileRequest(sample, source, job.samples[sample].tree, branches, now[source.path], job.generated_of(sample))
        for sample, found in files.items()
        for source in found.sources
    ]


def _alternatives(branch: str | tuple[str | None, ...] | list[str | None] | None) -> tuple[str | None, ...]:
    return (branch,) if isinstance(branch, str) or branch is None else tuple(branch)
