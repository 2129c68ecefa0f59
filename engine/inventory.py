"""What there is to process: files as they are now, the chunks they are cut into, and what cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.catalogue import (
    Chunk,
    FileRecord,
    FileRequest,
    chunks_of,
    inspect_file,
    remember,
    remembered,
    versions,
    without_repeats,
)
from lineshape.engine.errors import RequestError
from lineshape.engine.executor import Executor
from lineshape.engine.job import Job
from lineshape.engine.processor import Selects
from lineshape.engine.progress import Bars
from lineshape.engine.shards import Quarantined
from lineshape.engine.sources import expand
from lineshape.engine.verdicts import Failure
from lineshape.engine.workers import Workers


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
    files: Mapping[str, list[str]],
) -> Catalogue:
    """Open the files that an earlier look did not see as they are now, on the workers.

    folder: of the feature store, where what was found is remembered. files: for each sample, as of `process`.

    Raises RequestError where no file can be used.
    """
    requests = requests_of(job, processor, files)
    bar = bars.add("catalogue", len(requests))
    before = remembered(folder)
    found = [(request, before[request.key]) for request in requests if request.key in before]
    new = [request for request in requests if request.key not in before]
    bar.advance(len(found))
    for request, outcome in Executor(workers, inspect_file).run(new):
        bar.advance()
        found.append((request, outcome))
    if new:
        remember(folder, found)
    quarantined = [
        Quarantined(request.sample, request.source.path, -1, -1, outcome.cause.value, outcome.reason)
        for request, outcome in found
        if isinstance(outcome, Failure)
    ]
    if len(quarantined) == len(found):
        reasons = sorted(item.reason for item in quarantined)
        raise RequestError("no file can be used:\n" + "\n".join(reasons[:5]))
    records, repeats = without_repeats(record for _, record in found if isinstance(record, FileRecord))
    notes = [f"{again.path} is {first.path} once more (UUID {again.uuid}); counted once" for again, first in repeats]
    chunks = [chunk for record in records for chunk in chunks_of(record, job.chunk_entries)]
    return Catalogue(records, chunks, quarantined, notes)


def requests_of(job: Job, processor: Selects, files: Mapping[str, list[str]]) -> list[FileRequest]:
    """The files that patterns stand for, as they are now, and what is to be read of each.

    Raises RequestError where a glob or a folder holds nothing, or a list cannot be read.
    """
    branches = {name: _alternatives(default) for name, default in processor.reads.items()}
    branches |= {name: _alternatives(branch) for name, branch in job.branches.items()}
    sources = {sample: expand(patterns) for sample, patterns in files.items()}
    now = versions([source.path for of_sample in sources.values() for source in of_sample])
    return [
        FileRequest(sample, source, job.samples[sample].tree, branches, now[source.path])
        for sample, of_sample in sources.items()
        for source in of_sample
    ]


def _alternatives(branch: str | tuple[str | None, ...] | list[str | None] | None) -> tuple[str | None, ...]:
    return (branch,) if isinstance(branch, str) or branch is None else tuple(branch)
