"""Opening ROOT files, here or far away: trees (TTree or RNTuple), their branches, and what is wrong with them."""

import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from lineshape.engine.errors import DataError, RequestError, listing, nearest
from lineshape.engine.sources import Source, is_remote

if TYPE_CHECKING:
    import uproot

#: For each of a study's columns, the branches that may hold it, in order; None at the end: it may be missing.
Branches = Mapping[str, tuple[str | None, ...]]

#: Seconds after which a server that does not answer counts as an error, which may pass; a user's own settings go first.
TIMEOUT = 30
_XROOTD = {
    "XRD_REQUESTTIMEOUT": str(TIMEOUT),
    "XRD_STREAMTIMEOUT": str(TIMEOUT),
    "XRD_CONNECTIONWINDOW": "10",
    "XRD_CONNECTIONRETRY": "3",
    "XRD_STREAMERRORWINDOW": "10",
}
_BLOCK = 1 << 20
#: Entries of an RNTuple that are read to know how large they are.
_LOOK = 1000


def open_file(path: str) -> "uproot.ReadOnlyDirectory":
    """Open a ROOT file; raises DataError where it is missing, cut short or not ROOT, OSError where it may yet open."""
    import uproot

    magic = _first_bytes(path)
    if not magic:
        raise DataError(f"{path}: the file is empty (0 bytes); copy it again")
    if magic != b"root":
        raise DataError(f"{path}: not a ROOT file: it starts with {magic!r}, expected b'root'")
    try:
        return uproot.open(path, **(_options(path) if is_remote(path) else _local_options()))
    except (ValueError, AssertionError, KeyError, IndexError) as error:
        raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
    except OSError as error:
        # What cannot be read to its end is cut short; any other trouble, of a disk or a server, may pass.
        if "expected" in str(error):
            raise DataError(f"{path}: the file is damaged or cut short: {_first_line(error)}") from error
        raise


def file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, with time-outs set, and the path there.

    Raises RequestError where the package that knows the protocol is not installed.
    """
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(url, **_options(url))
    except ImportError as error:
        raise RequestError(f"{url}: {error}; install what it needs with: pip install 'lineshape[remote]'") from error
    return files, path


def verify(source: Source) -> None:
    """Raise DataError where the bytes of a file have another adler32 checksum than they must."""
    import fsspec

    found = 1
    with fsspec.open(source.path, "rb", **_options(source.path)) as file:
        while block := file.read(_BLOCK):
            found = zlib.adler32(block, found)
    if f"{found:08x}" != source.adler32:
        raise DataError(
            f"{source.path}: its adler32 checksum is {found:08x}, expected {source.adler32}: copy the file again"
        )


def find_tree(file: "uproot.ReadOnlyDirectory", path: str, name: str) -> "uproot.TTree":
    """The tree of that name, a TTree or an RNTuple; raises DataError that names those there are."""
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


def entry_bytes(tree: "uproot.TTree", branches: Iterable[str]) -> float:
    """What an entry of these branches takes in memory, on average: as a TTree says, or as some of an RNTuple's take."""
    names = list(branches)
    sizes = [getattr(tree[name], "uncompressed_bytes", -1) for name in names]
    if -1 not in sizes:
        return float(sum(sizes) / tree.num_entries)
    some = min(_LOOK, tree.num_entries)
    return float(sum(tree[name].array(entry_stop=some).nbytes for name in names) / some)


def find_branches(tree: "uproot.TTree", path: str, columns: Branches) -> dict[str, str | None]:
    """For each column the branch that holds it; raises DataError that lists those missing and their nearest names.

    A name with dots is also found with colons in their place, as an RNTuple has it, whose fields may hold no dots.
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


def _first_bytes(path: str) -> bytes:
    """The first four bytes; raises DataError where there is no such file, OSError where a server does not answer."""
    protocol = path.partition("://")[0] if is_remote(path) else ""
    if protocol in {"http", "https"}:
        return _first_bytes_of_url(path)
    if protocol:
        return _first_bytes_of_remote(path)
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; expected a ROOT file (working folder: {Path.cwd()})")
    with Path(path).open("rb") as raw:
        return raw.read(4)


def _first_bytes_of_url(url: str) -> bytes:
    request = Request(url, headers={"Range": "bytes=0-3"})  # noqa: S310 - only http and https come here
    try:
        with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            if response.status != 206:
                raise DataError(
                    f"{url}: the server ignores range requests (status {response.status}, expected 206), without which "
                    "a ROOT file cannot be read in parts; copy the file, or serve it with a server that knows ranges"
                )
            content: bytes = response.read(4)
            return content
    except HTTPError as error:
        if error.code == 416:
            return b""
        if error.code < 500 and error.code not in {408, 429}:
            raise DataError(f"{url}: the server answers {error.code} {error.reason}; expected a ROOT file") from error
        raise OSError(f"{url}: the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise OSError(f"{url}: the server cannot be reached: {error.reason}") from error


def _first_bytes_of_remote(url: str) -> bytes:
    files, path = file_system(url)
    try:
        content: bytes = files.cat_file(path, start=0, end=4)
    except OSError as error:
        if isinstance(error, FileNotFoundError) or "[3011]" in str(error):
            raise DataError(f"{url}: no such file; expected a ROOT file") from error
        raise
    return content


def _options(path: str) -> dict[str, Any]:
    """Of uproot.open and fsspec: time-outs. XRootD reads its own from the environment when it is first imported."""
    if not is_remote(path):
        return {}
    for name, value in _XROOTD.items():
        os.environ.setdefault(name, value)
    if path.startswith(("http://", "https://")):
        import aiohttp

        return {
            "client_kwargs": {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT, sock_read=TIMEOUT)}
        }
    return {"timeout": TIMEOUT} if path.startswith("root://") else {}


def _local_options() -> dict[str, Any]:
    """Plain reads in this thread: no event loop, and, unlike a memory map, no SIGBUS where a file is cut short."""
    from uproot.source.file import MultithreadedFileSource

    return {"handler": MultithreadedFileSource, "num_workers": 1, "use_threads": False}


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
