"""What there is to process: files as they are now, the chunks they are cut into, and what cannot be used."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lineshape.engine.catalogue import (
    NOT_THERE,
    Chunk,
    FileRecord,
    FileRequest,
    chunks_of,
    remember,
    remembered,
    versions,
)
from lineshape.engine.copies import notes_on, without_copies
from lineshape.engine.discovery import inspect_file
from lineshape.engine.errors import RequestError, RunError, listing
from lineshape.engine.executor import Executor
from lineshape.engine.job import Job
from lineshape.engine.processor import Selects
from lineshape.engine.progress import Bars
from lineshape.engine.shards import Quarantined
from lineshape.engine.sources import Listing, Patterns, expand
from lineshape.engine.verdicts import Cause, Failure
from lineshape.engine.workers import Workers

T = TypeVar("T")
Found = list[tuple[FileRequest, FileRecord | Failure]]


@dataclass(frozen=True)
class Catalogue:
    """What there is to process: files by sample and path, the chunks they are cut into, and what could not be used."""

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
) -> Catalogue:
    """Open the files that an earlier look did not see as they are now, on the workers.

    folder: of the feature store, where what was found is remembered. files: for each sample, as of `process`.

    Raises RequestError where no file of a sample can be used, or none has any entries; RunError where those of a sample
    may yet be read.
    """
    listings = {sample: expand(patterns) for sample, patterns in files.items()}
    requests = requests_of(job, processor, listings)
    _require_there(requests)
    found = _found(requests, folder, workers, bars)
    _require_usable(found)
    records, copies = without_copies(record for _, record in found if isinstance(record, FileRecord))
    chunks = [chunk for record in records for chunk in chunks_of(record, job.chunk_entries)]
    if not chunks:
        raise RequestError(f"there are no events: the trees of all {len(records)} files have no entries")
    quarantined = [
        Quarantined(request.sample, request.source.path, -1, -1, outcome.cause.value, outcome.reason)
        for request, outcome in found
        if isinstance(outcome, Failure)
    ]
    left_out = [note for found_of in listings.values() for note in found_of.notes]
    notes = [*left_out, *notes_on(records, copies), *_of_other_stores(found), *_empty(records, quarantined)]
    return Catalogue(records, chunks, quarantined, notes)


def _found(requests: Sequence[FileRequest], folder: Path, workers: Workers, bars: Bars) -> Found:
    """What an earlier look found of the files, and what this one finds of the others."""
    bar = bars.add("catalogue", len(requests))
    before = remembered(folder)
    found: Found = [(request, before[request.key]) for request in requests if request.key in before]
    new = [request for request in requests if request.key not in before]
    bar.advance(len(found))
    for request, outcome in Executor(workers, inspect_file).run(new):
        bar.advance()
        found.append((request, outcome))
    if new:
        remember(folder, found)
    return found


def _require_there(requests: Iterable[FileRequest]) -> None:
    """Raise RequestError where none of the files of a sample is there; others may be lost and the run goes on."""
    for sample, of_sample in _by_sample((request, request) for request in requests).items():
        if all(request.version == NOT_THERE for _, request in of_sample):
            paths = listing([request.source.path for _, request in of_sample], 5)
            raise RequestError(
                f"sample {sample}: {paths}: no such file; expected a ROOT file, a folder of them, or a text list of them "
                f"(.txt) (working folder: {Path.cwd()})"
            )


def _require_usable(found: Found) -> None:
    """Raise RequestError where no file of a sample can be used: without the sample it would be another run.

    RunError, where they may be read another time.
    """
    for sample, of_sample in _by_sample(found).items():
        failures = [outcome for _, outcome in of_sample if isinstance(outcome, Failure)]
        if len(failures) == len(of_sample):
            reasons = sorted({failure.reason for failure in failures})
            more = f"\nand {len(reasons) - 5} more" if len(reasons) > 5 else ""
            text = f"sample {sample}: no file can be used:\n" + "\n".join(reasons[:5]) + more
            lasting = all(failure.cause is Cause.CORRUPT for failure in failures)
            raise RequestError(text) if lasting else RunError(text)


def _by_sample(found: Iterable[tuple[FileRequest, T]]) -> dict[str, list[tuple[FileRequest, T]]]:
    samples: dict[str, list[tuple[FileRequest, T]]] = {}
    for request, outcome in found:
        samples.setdefault(request.sample, []).append((request, outcome))
    return samples


def _of_other_stores(found: Found) -> list[str]:
    """A note on each tree that is read in the place of one that is not there."""
    others = Counter(
        (request.sample, request.tree, outcome.tree)
        for request, outcome in found
        if isinstance(outcome, FileRecord) and outcome.tree != request.tree
    )
    return [
        f"sample {sample}: {number} files have no tree {tree}; their {other} is read, as the same format calls it too"
        for (sample, tree, other), number in others.items()
    ]


def _empty(records: Sequence[FileRecord], quarantined: Sequence[Quarantined]) -> list[str]:
    """A note on each sample that is known to have no events."""
    entries = Counter[str]()
    for record in records:
        entries[record.sample] += record.entries
    lost = {item.sample for item in quarantined}
    return [
        f"sample {sample} has no events: none of its files has any entries"
        for sample, number in entries.items()
        if not number and sample not in lost
    ]


def requests_of(job: Job, processor: Selects, files: Mapping[str, Listing]) -> list[FileRequest]:
    """The files of each sample, as they are now, and what is to be read of each."""
    branches = {name: _alternatives(default) for name, default in processor.reads.items()}
    branches |= {name: _alternatives(branch) for name, branch in job.branches.items()}
    now = versions([source.path for found in files.values() for source in found.sources])
    return [
        FileRequest(sample, source, job.samples[sample].tree, branches, now[source.path])
        for sample, found in files.items()
        for source in found.sources
    ]


def _alternatives(branch: str | tuple[str | None, ...] | list[str | None] | None) -> tuple[str | None, ...]:
    return (branch,) if isinstance(branch, str) or branch is None else tuple(branch)
