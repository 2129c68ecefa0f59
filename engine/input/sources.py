"""Expand a sample's paths, URLs, globs, folders and text lists into files, with checksums where known."""

import glob
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.input.remote import file_system, is_remote, read_text

#: Endings of text files that list other files, one a line.
LISTS = (".txt", ".list")
#: What every ROOT file starts with.
MAGIC = b"root"
#: MAGIC with the first byte of the version number, so that a text file that starts with "root" is not taken for one.
_START = MAGIC + b"\0"
_CHECKSUM = re.compile(r"[0-9a-fA-F]{8}")
#: Names of ROOT files, including those on the grid (x.pool.root.1).
_ROOT_NAME = re.compile(r"\.root(\.\d+)*$")


@dataclass(frozen=True)
class FileSource:
    """A file by path or URL, and its expected adler32 checksum (8 hexadecimal digits); empty where none was given."""

    path: str
    adler32: str = ""


@dataclass(frozen=True)
class Listing:
    """The files of a sample; notes: what was left out of the folders given."""

    sources: tuple[FileSource, ...]
    notes: tuple[str, ...] = ()


#: The files of a sample, as patterns or already expanded.
Patterns = Sequence[str] | Listing


@dataclass(frozen=True)
class _Left:
    """A note on what is left out of a folder."""

    text: str


def expand(patterns: Patterns) -> Listing:
    """Return the files of paths, URLs, globs, folders and text lists, sorted within each pattern, each once.

    An existing file or folder whose name has brackets or stars is not taken for a pattern. From a folder its ROOT files
    are taken, recognised by their first bytes, or by a name that ends with .root, or with .root.1 as on the grid. A
    checksum follows its path as `#adler32=0a1b2c3d`, or, in a list, stands beside it as `xrdadler32` prints it.

    A note says which files are named more than once.

    Raises RequestError where a glob or a folder holds nothing, or a list cannot be read. A plain path is returned
    whether it exists or not.
    """
    if isinstance(patterns, Listing):
        return patterns
    found: dict[str, FileSource] = {}
    again: dict[str, None] = {}
    notes: dict[str, None] = {}
    for pattern in patterns:
        for source in _sources(pattern, ()):
            if isinstance(source, _Left):
                notes.setdefault(source.text)
                continue
            if source.path in found:
                again.setdefault(source.path)
            before = found.setdefault(source.path, source)
            if source.adler32 and not before.adler32:
                found[source.path] = source
    if again:
        number = f"{len(again)} files are" if len(again) > 1 else "1 file is"
        notes.setdefault(f"{number} named more than once and counted once: {listing(again, 5)}")
    return Listing(tuple(found.values()), tuple(notes))


def _sources(pattern: str, within: tuple[str, ...]) -> Iterator[FileSource | _Left]:
    """Yield the files of a pattern. within: the lists that it stands in, from the outermost."""
    path, adler32 = _split_checksum(pattern)
    if is_remote(path):
        if path.endswith(LISTS):
            yield from _listed(path, within)
            return
        paths = _remote_glob(path) if glob.has_magic(_behind_host(path)) else [path]
        yield from (FileSource(each, adler32) for each in paths)
        return
    path = _at_home(path)
    if path.endswith(LISTS) and not _is_folder(path):
        yield from _listed(path, within)
        return
    for each in _local(path):
        # Absolute, as workers may have another working folder.
        yield each if isinstance(each, _Left) else FileSource(str(Path(each).absolute()), adler32)


def _behind_host(url: str) -> str:
    """Return the path of a URL without its query; a host may be an address in brackets, which are no pattern."""
    return url.partition("://")[2].partition("/")[2].partition("?")[0]


def _split_checksum(pattern: str) -> tuple[str, str]:
    path, _, checksum = pattern.partition("#adler32=")
    if checksum and not _CHECKSUM.fullmatch(checksum):
        raise RequestError(f"{pattern}: expected 8 hexadecimal digits after #adler32=, as in #adler32=0a1b2c3d")
    return path, checksum.lower()


def _at_home(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError as error:
        raise RequestError(f"{path}: no such user, so no home folder: write the whole path") from error


def _listed(path: str, within: tuple[str, ...]) -> Iterator[FileSource | _Left]:
    """Yield the files of a text list."""
    if path in within:
        raise RequestError(f"{path}: this list of files names itself, by way of {' → '.join([*within, path])}")
    for line in _lines(path):
        yield from _sources(line, (*within, path))


def _lines(path: str) -> Iterator[str]:
    """Yield the entries of a text list, without comments (#) and empty lines; paths are relative to its folder."""
    try:
        text = read_text(path) if is_remote(path) else Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text in UTF-8"
        raise RequestError(f"{path}: cannot read this list of files: {reason}") from error
    # Editors may have put a byte order mark before it.
    for line in text.removeprefix("\ufeff").splitlines():
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield _entry(path, entry)


def _entry(path: str, entry: str) -> str:
    """Return the pattern that a line of a list stands for; paths may hold spaces, a checksum is the first or last word.

    Raises RequestError where a line holds several paths or several checksums.
    """
    if _there(_beside(path, entry)):
        return _beside(path, entry)
    words = entry.split()
    checksum = next((word for word in (words[0], words[-1]) if _CHECKSUM.fullmatch(word)), "")
    name = entry.removeprefix(checksum).strip() if entry.startswith(checksum) else entry.removesuffix(checksum).strip()
    files = sum(bool(_ROOT_NAME.search(word) or is_remote(word)) for word in words)
    checksums = sum(bool(_CHECKSUM.fullmatch(word)) for word in words)
    if not name or (max(files, checksums) > 1 and not _there(_beside(path, name))):
        raise RequestError(f"{path}: expected a path, and at most one adler32 checksum beside it, in line '{entry}'")
    return f"{_beside(path, name)}#adler32={checksum}" if checksum else _beside(path, name)


def _beside(list_path: str, name: str) -> str:
    """Return a path named in a list, relative ones joined to the list's folder."""
    if is_remote(name):
        return name
    if is_remote(list_path):
        return f"{list_path.rpartition('/')[0]}/{name}"
    return _at_home(name) if name.startswith("~") else str(Path(list_path).parent / name)


def _there(path: str) -> bool:
    """Return whether a path exists; an invalid path does not."""
    with suppress(OSError, ValueError):
        return Path(path).exists()
    return False


def _is_folder(path: str) -> bool:
    return _there(path) and Path(path).is_dir()


def _local(path: str) -> Iterator[str | _Left]:
    if _is_folder(path):
        names, left = _in_folder(Path(path))
        if not names:
            raise RequestError(
                f"no ROOT file in folder {path} (working folder: {Path.cwd()}); {left or 'it is empty'}; a ROOT file "
                "starts with the bytes 'root', or has a name that ends with .root"
            )
        yield from names
        if left:
            yield _Left(left)
        return
    if _there(path) or not glob.has_magic(path):
        yield path
        return
    found = sorted(glob.glob(_literal_start(path), recursive=True))  # noqa: PTH207 - patterns may be absolute
    if not found:
        raise RequestError(f"no file matches {path} (working folder: {Path.cwd()})")
    for each in found:
        if not _is_folder(each):
            yield each
            continue
        names, left = _in_folder(Path(each))
        yield from names
        if left:
            yield _Left(left)


def _literal_start(pattern: str) -> str:
    """Return a glob with existing folders escaped: run[1]/*.root refers to the folder run[1]."""
    path = Path(pattern)
    start, parts = Path(path.anchor), list(path.parts[1:] if path.anchor else path.parts)
    while parts and _there(str(start / parts[0])):
        start /= parts.pop(0)
    return str(Path(glob.escape(str(start)), *parts))


def _in_folder(folder: Path) -> tuple[list[str], str]:
    """Return the ROOT files of a folder, and a note on what else is in it."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise RequestError(f"{folder}: cannot list the files of this folder: {error.strerror}") from error
    taken = [str(entry) for entry in entries if not _is_folder(str(entry)) and _is_root(entry)]
    left = [f"{entry.name}/" if _is_folder(str(entry)) else entry.name for entry in entries if str(entry) not in taken]
    deeper = any(name.endswith("/") for name in left)
    hint = f" (files of folders within it: '{folder}/**/*.root')" if deeper else ""
    return taken, f"left out of folder {folder}, as no ROOT files: {listing(left, 6)}{hint}" if left else ""


def _is_root(path: Path) -> bool:
    """Return whether a file is a ROOT file: by its name, so that a damaged one is reported, or by its first bytes."""
    if _ROOT_NAME.search(path.name):
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_START)) == _START
    except OSError:
        return False


def _remote_glob(url: str) -> list[str]:
    files, pattern = file_system(url)
    try:
        found = sorted(files.unstrip_protocol(name) for name in files.glob(pattern))
    except OSError as error:
        raise RequestError(f"{url}: cannot list the files: {error}") from error
    if not found:
        raise RequestError(f"no file matches {url}")
    return found
