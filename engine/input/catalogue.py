"""The catalogue: which files hold which entries, and the chunks that they are divided into."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from lineshape.engine.core.digests import digest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.records import find_record, save_record
from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.input.remote import is_remote, versions_of
from lineshape.engine.input.sources import FileSource

_FILE = "catalogue.json"
#: Version of the inspection: raise it when the inspection changes, so that older cached results are ignored.
_LOOK = 2
#: Version of a missing file.
NOT_THERE = "not there"


@dataclass(frozen=True)
class FileRequest:
    """A file to inspect: its sample, source and tree, and the columns to be read from it.

    version: a text that changes when the file does, from `versions`; empty where it is not known. generated: kind that
    finds its sum of generated weights; None where that is not needed.
    """

    sample: str
    source: FileSource
    tree: str
    branches: dict[str, tuple[str | None, ...]]
    version: str = ""
    generated: KindSpec | None = None

    @cached_property
    def key(self) -> str:
        """Digest of the request, under which its result is cached; empty: the file is inspected anew."""
        what = (self.sample, self.source.path, self.source.adler32, self.tree, self.branches)
        about = [self.generated.model_dump()] if self.generated else []
        return digest(what, self.version, *about) if self.version else ""


@dataclass(frozen=True)
class FileRecord:
    """The result of inspecting a file.

    tree: name of the tree that is read, which may be another of a format's known names. size: in bytes. branches: for
    each of the study's columns the branch that holds it, or None where an optional one is missing; empty where there
    are no entries. entry_bytes: average memory of an entry of these branches, in bytes. content: checksums of the
    file's bytes, from `content_of`. generated: sum of the weights of all generated events behind the file, None where
    it was not asked for.
    """

    sample: str
    path: str
    tree: str
    uuid: str
    entries: int
    size: int
    branches: dict[str, str | None] = field(hash=False)
    entry_bytes: float = 0.0
    content: str = ""
    generated: float | None = None

    @cached_property
    def identity(self) -> str:
        """Digest of what is read, independent of the file's location and sample."""
        # A UUID alone is no identity: ROOT's UPDATE keeps it, and all files written with ?reproducible have the same.
        return digest(self.uuid, self.size, self.entries, self.content, self.tree, self.branches)


@dataclass(frozen=True)
class _SavedFindings:
    """Cached results as JSON: maps of branches; files with the index of their map, and reasons of failures, by key.

    look: version of the inspection.
    """

    look: int
    branches: list[dict[str, str | None]]
    files: dict[str, tuple[int, dict[str, Any]]]
    failures: dict[str, str]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file, a tree and an entry range [start, stop): the unit of processing."""

    file: FileRecord
    start: int
    stop: int

    def identity(self, fingerprint: str) -> str:
        """Return a digest of what the chunk's shard depends on: sample, file, tree, range, columns and processor."""
        return digest(self.file.sample, self.file.identity, self.start, self.stop, fingerprint)

    @property
    def entropy(self) -> str:
        """Digest of the entries alone, which seeds random numbers, so that they do not depend on the sample."""
        return digest(self.file.identity, self.start, self.stop)

    def to_dict(self) -> dict[str, Any]:
        """Return the location of the entries, as a JSON-serialisable dictionary."""
        return {
            "sample": self.file.sample,
            "file": self.file.path,
            "uuid": self.file.uuid,
            "tree": self.file.tree,
            "start": self.start,
            "stop": self.stop,
        }


def versions(paths: Sequence[str]) -> dict[str, str]:
    """Return a text for each file that changes when the file does; empty where it is not known.

    It is made of size and times for a local file, and of what the server reports for a remote one.
    """
    found = versions_of([path for path in paths if is_remote(path)])
    return {path: found[path] if path in found else _local_version(path) for path in paths}


def _local_version(path: str) -> str:
    try:
        there = Path(path).stat()
    except FileNotFoundError:
        return NOT_THERE
    except OSError:
        return ""
    return f"{there.st_size} {there.st_mtime_ns} {there.st_ctime_ns}"


def remembered(folder: Path) -> dict[str, FileRecord | Failure]:
    """Return the cached results by key of the request; none where there is no cache, or one of another version."""
    kept = find_record(folder / _FILE, _SavedFindings)
    if kept is None:
        return {}
    try:
        if kept.look != _LOOK:
            return {}
        failures = {key: Failure(Cause.CORRUPT, reason) for key, reason in kept.failures.items()}
        return failures | {
            key: FileRecord(**of, branches=kept.branches[number]) for key, (number, of) in kept.files.items()
        }
    except (TypeError, IndexError):
        return {}


def remember(folder: Path, found: Iterable[tuple[FileRequest, FileRecord | Failure]]) -> None:
    """Cache results: records, and failures that a repeated inspection of the same file cannot resolve."""
    maps: dict[str, int] = {}
    tables: list[dict[str, str | None]] = []
    files, failures = {}, {}
    for request, outcome in found:
        if not request.key:
            continue
        if isinstance(outcome, Failure):
            if outcome.cause is Cause.CORRUPT:
                failures[request.key] = outcome.reason
            continue
        number = maps.setdefault(digest(outcome.branches), len(tables))
        if number == len(tables):
            tables.append(outcome.branches)
        names = ("sample", "path", "tree", "uuid", "entries", "size", "entry_bytes", "content", "generated")
        files[request.key] = (number, {name: getattr(outcome, name) for name in names})
    save_record(folder / _FILE, {"look": _LOOK, "branches": tables, "files": files, "failures": failures})


def chunks_of(record: FileRecord, entries: int) -> list[Chunk]:
    """Return a file's chunks, of nearly equal size and at most this many entries; none for a file without entries."""
    if not record.entries:
        return []
    count = -(-record.entries // entries)
    edges = [record.entries * i // count for i in range(count + 1)]
    return [Chunk(record, start, stop) for start, stop in pairwise(edges)]
