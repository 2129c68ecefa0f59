"""The catalogue: which files hold which entries, and the chunks that they are cut into."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from lineshape.engine.digests import digest
from lineshape.engine.errors import DataError
from lineshape.engine.files import read_json, write_json
from lineshape.engine.remote import is_remote
from lineshape.engine.root_files import entry_bytes, find_branches, find_tree, open_file, verify
from lineshape.engine.sources import Source

_FILE = "catalogue.json"


@dataclass(frozen=True)
class FileRequest:
    """A file to look into: its sample, where it is, its tree, and the columns that are to be read from it."""

    sample: str
    source: Source
    tree: str
    branches: dict[str, tuple[str | None, ...]]

    @cached_property
    def key(self) -> str:
        """Digest of the request and of the file's size and time of change, under which its record is remembered.

        Empty where the file is far away or is not there: it is then looked into anew.
        """
        if is_remote(self.source.path):
            return ""
        try:
            there = Path(self.source.path).stat()
        except OSError:
            return ""
        what = (self.sample, self.source.path, self.source.adler32, self.tree, self.branches)
        return digest(what, there.st_size, there.st_mtime_ns)


@dataclass(frozen=True)
class FileRecord:
    """A file that was looked into.

    size: in bytes. branches: for each of the study's columns the branch that holds it, or None where it may be missing
    and is. entry_bytes: what an entry of these branches takes in memory, on average.
    """

    sample: str
    path: str
    tree: str
    uuid: str
    entries: int
    size: int
    branches: dict[str, str | None]
    entry_bytes: float = 0.0

    @cached_property
    def identity(self) -> str:
        """Digest of what is read, wherever the file lies."""
        return digest(self.uuid, self.tree, self.branches)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A file, a tree and an entry range [start, stop): the unit of processing."""

    file: FileRecord
    start: int
    stop: int

    def identity(self, fingerprint: str) -> str:
        """Digest of what the chunk's shard depends on: the file's UUID, tree, range, columns and the processor."""
        return digest(self.file.identity, self.start, self.stop, fingerprint)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: where the entries are."""
        return {
            "sample": self.file.sample,
            "file": self.file.path,
            "uuid": self.file.uuid,
            "tree": self.file.tree,
            "start": self.start,
            "stop": self.stop,
        }


def inspect_file(request: FileRequest) -> FileRecord:
    """Open a file, find the tree and the branches, and verify its checksum where one was given.

    Raises DataError where the file is not ROOT, has no such tree, no entries, lacks a branch, or has other bytes.
    """
    path = request.source.path
    with open_file(path) as file:
        if request.source.adler32:
            verify(request.source)
        tree = find_tree(file, path, request.tree)
        if tree.num_entries == 0:
            raise DataError(f"{path}: tree {request.tree} has no entries; leave the file out, or make it anew")
        branches = find_branches(tree, path, request.branches)
        source = file.file
        return FileRecord(
            request.sample,
            path,
            request.tree,
            str(source.uuid),
            int(tree.num_entries),
            int(source.source.num_bytes),
            branches,
            entry_bytes(tree, filter(None, branches.values())),
        )


def remembered(folder: Path) -> dict[str, FileRecord]:
    """Records of an earlier look, by the key of their request; none where there was no look, or of another version."""
    path = folder / _FILE
    if not path.is_file():
        return {}
    try:
        values = read_json(path)
        maps = values["branches"]
        files = values["files"].items()
        return {key: FileRecord(**fields, branches=maps[number]) for key, (number, fields) in files}
    except (ValueError, KeyError, TypeError, IndexError):
        return {}


def remember(folder: Path, records: Iterable[tuple[FileRequest, FileRecord]]) -> None:
    """Keep records for the next look; those of files that are far away are not kept."""
    maps: dict[str, int] = {}
    tables: list[dict[str, str | None]] = []
    files = {}
    for request, record in records:
        if key := request.key:
            number = maps.setdefault(digest(record.branches), len(tables))
            if number == len(tables):
                tables.append(record.branches)
            names = ("sample", "path", "tree", "uuid", "entries", "size", "entry_bytes")
            files[key] = (number, {name: getattr(record, name) for name in names})
    write_json(folder / _FILE, {"branches": tables, "files": files})


def chunks_of(record: FileRecord, entries: int) -> list[Chunk]:
    """A file cut into chunks of nearly equal size, none of more than this many entries."""
    count = -(-record.entries // entries)
    edges = [record.entries * i // count for i in range(count + 1)]
    return [Chunk(record, start, stop) for start, stop in pairwise(edges)]


def without_repeats(records: Iterable[FileRecord]) -> tuple[list[FileRecord], list[tuple[FileRecord, FileRecord]]]:
    """Files by sample and path, each once; and pairs of a file and the one that was kept, of the same UUID and tree.

    Of copies the largest is kept, as a smaller one is cut short.
    """
    kept: dict[tuple[str, str], FileRecord] = {}
    repeats = []
    for record in sorted(records, key=lambda record: (-record.size, record.sample, record.path)):
        first = kept.setdefault((record.uuid, record.tree), record)
        if first is not record:
            repeats.append((record, first))
    return sorted(kept.values(), key=lambda record: (record.sample, record.path)), repeats
