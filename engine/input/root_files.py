"""Open local and remote ROOT files, find trees (TTree or RNTuple) and their branches, and report what is wrong."""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineshape.engine.core.errors import DataError, listing, nearest
from lineshape.engine.input.remote import first_bytes, is_remote, options
from lineshape.engine.input.sources import MAGIC, FileSource

if TYPE_CHECKING:
    import uproot

#: For each of a study's columns, the branches that may hold it, in order; None as the last: it may be missing.
Branches = Mapping[str, tuple[str | None, ...]]

#: Start of what is said of a file without the tree that is asked for.
NO_TREE = "no tree"
_BLOCK = 1 << 20
#: Alternative names of a format's event tree: of ATLAS's xAOD (PHYSLITE, AOD) as TTree and as RNTuple.
_STORES = (("CollectionTree", "EventData"),)
#: Number of entries of an RNTuple that are read to measure their size.
_LOOK = 1000


def open_file(path: str) -> "uproot.ReadOnlyDirectory":
    """Open a ROOT file; raise DataError where it is missing, truncated or not ROOT, OSError where a retry may help."""
    import uproot

    # Takes 0.6 of the time of Python's own; what is written stays as it is.
    uproot.compression._decompress_ZLIB.library = "isal"
    magic = _first_bytes(path)
    if not magic:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it again")
    if magic != MAGIC:
        raise DataError(f"{path}: not a ROOT file: it starts with {magic!r}, expected {MAGIC!r}")
    if is_remote(path):
        with may_pass(path):
            return uproot.open(path, **options(path))
    try:
        # As a dictionary, since uproot takes what follows a colon in a path for an object's name.
        return uproot.open({path: None}, **_local_options())
    except (ValueError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
    except OSError as error:
        # A file that cannot be read to its end is truncated; any other error, of a disk or a server, may be transient.
        if "expected" in str(error):
            raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
        raise


@contextmanager
def may_pass(path: str, but: type[Exception] = DataError) -> Iterator[None]:
    """Turn any error of reading a remote file into an OSError, which is retried.

    For a server that fails in the middle of an answer uproot raises errors of any type (such as TypeError, taking the
    error for the answer); a file that is truly damaged fails each time. but: type of errors that pass through
    unchanged.
    """
    try:
        yield
    except (OSError, MemoryError, DataError, but):
        raise
    except Exception as error:
        if not is_remote(path):
            raise
        raise OSError(f"{path}: cannot be read: {type(error).__name__}: {_first_line(error)}") from error


def verify(source: FileSource) -> None:
    """Raise DataError where the adler32 checksum of a file differs from the expected one."""
    found = 1
    with _opened(source.path) as file:
        while block := file.read(_BLOCK):
            found = zlib.adler32(block, found)
    if f"{found:08x}" != source.adler32:
        raise DataError(
            f"{source.path}: its adler32 checksum is {found:08x}, expected {source.adler32}: copy the file again"
        )


def find_store(file: "uproot.ReadOnlyDirectory", path: str, name: str) -> "tuple[uproot.TTree, str]":
    """Return the tree of that name and its name, or the tree under another name that its format uses."""
    known = next((names for names in _STORES if name in names), ())
    there = trees_in(file)
    found = name if name in there else next((other for other in known if other in there), name)
    return find_tree(file, path, found), found


def find_tree(file: "uproot.ReadOnlyDirectory", path: str, name: str) -> "uproot.TTree":
    """Return the tree of that name, a TTree or an RNTuple; raise DataError listing those there are if it is missing."""
    import uproot

    try:
        with may_pass(path, but=KeyError):
            tree = file[name]
    except KeyError:
        trees = trees_in(file)
        raise DataError(
            f"{path}: {NO_TREE} '{name}': it has {listing(trees) or 'none'}{nearest(name, trees)}; name the tree in "
            "the job file ('tree' of the sample) or in the fileset"
        ) from None
    except (ValueError, AssertionError, IndexError, OSError) as error:
        if isinstance(error, OSError) and (error.errno or is_remote(path)):
            raise
        raise DataError(f"{path}: tree {name} is damaged or cut short: {_first_line(error)}") from error
    if isinstance(tree, uproot.ReadOnlyDirectory):
        within = [f"{name}/{other}" for other in trees_in(tree)]
        raise DataError(
            f"{path}: '{name}' is a folder of the file (TDirectory), expected a tree; the trees in it: "
            f"{listing(within) or 'none'}; name one in the job file ('tree' of the sample) or in the "
            "fileset"
        )
    if not hasattr(tree, "num_entries"):
        trees = trees_in(file)
        raise DataError(f"{path}: '{name}' is a {tree.classname}, expected a tree: it has {listing(trees) or 'none'}")
    return tree


def trees_in(folder: "uproot.ReadOnlyDirectory") -> list[str]:
    """Return the names of the trees in a file or folder of it, at any depth."""
    kinds = folder.classnames(cycle=False)
    return [
        name for name, kind in kinds.items() if kind in {"TTree", "TNtuple", "TNtupleD", "TChain"} or "RNTuple" in kind
    ]


def entry_bytes(tree: "uproot.TTree", branches: Iterable[str]) -> float:
    """Return the average memory of an entry of these branches, in bytes.

    A TTree records it; for an RNTuple it is measured on the first entries.
    """
    names = list(branches)
    sizes = [getattr(tree[name], "uncompressed_bytes", -1) for name in names]
    if -1 not in sizes:
        return float(sum(sizes) / tree.num_entries)
    some = min(_LOOK, tree.num_entries)
    return float(sum(tree[name].array(entry_stop=some).nbytes for name in names) / some)


def find_branches(tree: "uproot.TTree", path: str, columns: Branches) -> dict[str, str | None]:
    """Return the branch of each column; raise DataError listing the missing ones with their nearest names.

    A name with dots is also found with colons in their place, as in an RNTuple, whose fields may hold no dots.
    """
    there = tree.keys(recursive=True)
    known = {name.replace(":", "."): name for name in there} | {name: name for name in there}
    found: dict[str, str | None] = {}
    missing = []
    for column, candidates in columns.items():
        branch = next((name for name in candidates if name is None or name in known), "")
        found[column] = known[branch] if branch else None
        if branch == "":
            names = " or ".join(str(name) for name in candidates)
            missing.append(f"  {column}: no branch {names}{nearest(str(candidates[0]), there)}")
    if missing:
        raise DataError(
            f"{path}: tree {tree.name} lacks {len(missing)} of {len(columns)} columns:\n"
            + "\n".join(missing)
            + "\n  name the branches that hold them under 'branches:' in the job file"
        )
    return found


def _opened(path: str) -> Any:
    """Open a file to read bytes from; for a local one fsspec is avoided, as it takes a star in a path for a pattern."""
    import fsspec

    return fsspec.open(path, "rb", **options(path)) if is_remote(path) else Path(path).open("rb")


def _first_bytes(path: str) -> bytes:
    """Return a file's first four bytes; raise DataError where there is none, OSError where a server does not answer."""
    if is_remote(path):
        return first_bytes(path)
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; expected a ROOT file (working folder: {Path.cwd()})")
    with Path(path).open("rb") as raw:
        return raw.read(4)


def _local_options() -> dict[str, Any]:
    """Return uproot options for plain reads in this thread: no event loop, no memory map (SIGBUS if truncated)."""
    from uproot.source.file import MultithreadedFileSource

    return {"handler": MultithreadedFileSource, "num_workers": 1, "use_threads": False}


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its class where there is none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
