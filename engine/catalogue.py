"""The catalogue: which files hold which entries, and the chunks that they are cut into."""

import glob
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.digests import digest
from lineshape.engine.errors import DataError, RequestError, listing, nearest

if TYPE_CHECKING:
    import uproot

#: For each of a study's columns, the branches that may hold it, in order; None at the end: it may be missing.
Branches = Mapping[str, tuple[str | None, ...]]


@dataclass(frozen=True)
class FileRequest:
    """A file to look into: its sample, path and tree, and the columns that are to be read from it."""

    sample: str
    path: str
    tree: str
    branches: dict[str, tuple[str | None, ...]]


@dataclass(frozen=True)
class FileRecord:
    """A file that was looked into.

    size: in bytes. branches: for each of the study's columns the branch that holds it, or None where it may be missing
    and is.
    """

    sample: str
    path: str
    tree: str
    uuid: str
    entries: int
    size: int
    branches: dict[str, str | None]


@dataclass(frozen=True)
class Chunk:
    """A file, a tree and an entry range [start, stop): the unit of processing."""

    file: FileRecord
    start: int
    stop: int

    def identity(self, fingerprint: str) -> str:
        """Digest of what the chunk's shard depends on: the file's UUID, tree, range, columns and the processor."""
        return digest(self.file.uuid, self.file.tree, self.start, self.stop, self.file.branches, fingerprint)

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


def expand(patterns: Iterable[str]) -> list[str]:
    """Paths of files from paths, URLs, globs and folders (their *.root), sorted within each pattern.

    Raises RequestError where a glob or a folder holds nothing. A plain path is kept, there or not.
    """
    paths: list[str] = []
    for pattern in patterns:
        if "://" in pattern:
            paths.append(pattern)
            continue
        expanded = str(Path(pattern).expanduser())
        if Path(expanded).is_dir():
            expanded = str(Path(expanded) / "*.root")
        if not glob.has_magic(expanded) or Path(expanded).is_file():
            paths.append(expanded)
            continue
        found = sorted(glob.glob(expanded, recursive=True))  # noqa: PTH207 - patterns may be absolute
        if not found:
            raise RequestError(f"no file matches {expanded} (working folder: {Path.cwd()})")
        paths += found
    return list(dict.fromkeys(paths))


def inspect_file(request: FileRequest) -> FileRecord:
    """Open a file and find the tree and the branches.

    Raises DataError where the file is not ROOT, has no such tree, no entries, or lacks a branch.
    """
    with open_file(request.path) as file:
        tree = find_tree(file, request.path, request.tree)
        if tree.num_entries == 0:
            raise DataError(f"{request.path}: tree {request.tree} has no entries; leave the file out, or make it anew")
        branches = find_branches(tree, request)
        source = file.file
        return FileRecord(
            request.sample,
            request.path,
            request.tree,
            str(source.uuid),
            int(tree.num_entries),
            int(source.source.num_bytes),
            branches,
        )


def open_file(path: str) -> "uproot.ReadOnlyDirectory":
    """Open a ROOT file; raises DataError where it is missing, cut short or not ROOT, OSError where it may yet open."""
    import uproot

    local = "://" not in path
    if local and not Path(path).is_file():
        raise DataError(f"{path}: no such file; expected a ROOT file (working folder: {Path.cwd()})")
    if local:
        with Path(path).open("rb") as raw:
            magic = raw.read(4)
        if not magic:
            raise DataError(f"{path}: the file is empty (0 bytes); copy it again")
        if magic != b"root":
            raise DataError(f"{path}: not a ROOT file: it starts with {magic!r}, expected b'root'")
    try:
        return uproot.open(path)
    except (ValueError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
    except OSError as error:
        # What cannot be read to its end is cut short; any other trouble, of a disk or a server, may pass.
        if "expected" in str(error):
            raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
        raise


def find_tree(file: "uproot.ReadOnlyDirectory", path: str, name: str) -> "uproot.TTree":
    """The tree of that name; raises DataError that names those there are."""
    try:
        tree = file[name]
    except KeyError:
        trees = [key for key, kind in file.classnames(cycle=False).items() if kind == "TTree" or "RNTuple" in kind]
        raise DataError(f"{path}: no tree '{name}': it has {listing(trees) or 'none'}{nearest(name, trees)}") from None
    except (ValueError, AssertionError, IndexError, OSError) as error:
        raise DataError(f"{path}: tree {name} is damaged or cut short: {_first_line(error)}") from error
    if not hasattr(tree, "num_entries"):
        raise DataError(f"{path}: '{name}' is a {tree.classname}; expected a tree")
    return tree


def find_branches(tree: "uproot.TTree", request: FileRequest) -> dict[str, str | None]:
    """For each column the branch that holds it; raises DataError that lists those missing and their nearest names."""
    there = tree.keys(recursive=True)
    known = set(there)
    found: dict[str, str | None] = {}
    missing = []
    for column, candidates in request.branches.items():
        branch = next((name for name in candidates if name is None or name in known), "")
        found[column] = branch or None
        if branch == "":
            names = " or ".join(str(name) for name in candidates)
            missing.append(f"  {column}: no branch {names}{nearest(str(candidates[0]), there)}")
    if missing:
        raise DataError(
            f"{request.path}: tree {request.tree} lacks {len(missing)} of {len(request.branches)} columns:\n"
            + "\n".join(missing)
            + "\n  name the branches that hold them under 'branches:' in the job file"
        )
    return found


def chunks_of(record: FileRecord, entries: int) -> list[Chunk]:
    """A file cut into chunks of nearly equal size, none of more than this many entries."""
    count = -(-record.entries // entries)
    edges = [record.entries * i // count for i in range(count + 1)]
    return [Chunk(record, start, stop) for start, stop in pairwise(edges)]


def without_repeats(records: Iterable[FileRecord]) -> tuple[list[FileRecord], list[tuple[FileRecord, FileRecord]]]:
    """Files by sample and path, each once; and pairs of a file and the one with the same UUID that was kept.

    Of copies the largest is kept, as a smaller one is cut short.
    """
    kept: dict[str, FileRecord] = {}
    repeats = []
    for record in sorted(records, key=lambda record: (-record.size, record.sample, record.path)):
        if record.uuid in kept:
            repeats.append((record, kept[record.uuid]))
        else:
            kept[record.uuid] = record
    return sorted(kept.values(), key=lambda record: (record.sample, record.path)), repeats


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
