"""Which files a sample is of: paths, URLs, globs, folders and text lists, with checksums where known."""

import glob
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lineshape.engine.errors import RequestError
from lineshape.engine.remote import file_system, is_remote, read_text

#: Endings of text files that list other files, one a line.
LISTS = (".txt", ".list")
_CHECKSUM = re.compile(r"[0-9a-fA-F]{8}")


@dataclass(frozen=True)
class Source:
    """A file by path or URL, and the adler32 checksum that it must have (8 hexadecimal digits), where one was given."""

    path: str
    adler32: str = ""


def expand(patterns: Iterable[str]) -> list[Source]:
    """Files from paths, URLs, globs, folders (their *.root) and text lists, sorted within each pattern, each once.

    A checksum stands behind its path as `#adler32=0a1b2c3d`, or, in a list, beside it as `xrdadler32` prints it.

    Raises RequestError where a glob or a folder holds nothing, or a list cannot be read. A plain path is kept, there
    or not.
    """
    found: dict[str, Source] = {}
    for pattern in patterns:
        for source in _sources(pattern, ()):
            before = found.setdefault(source.path, source)
            if source.adler32 and not before.adler32:
                found[source.path] = source
    return list(found.values())


def _sources(pattern: str, within: tuple[str, ...]) -> Iterator[Source]:
    """Files of a pattern that stands in a list, which stands in another …: those are `within`."""
    path, adler32 = _split_checksum(pattern)
    if path.endswith(LISTS):
        if path in within:
            raise RequestError(f"{path}: this list of files names itself, by way of {' → '.join([*within, path])}")
        for line in _lines(path):
            yield from _sources(line, (*within, path))
    elif is_remote(path):
        paths = _remote_glob(path) if glob.has_magic(_behind_host(path)) else [path]
        yield from (Source(each, adler32) for each in paths)
    else:
        # Workers may have another working folder.
        yield from (Source(str(Path(each).absolute()), adler32) for each in _local(str(Path(path).expanduser())))


def _behind_host(url: str) -> str:
    """The path of a URL, without its query; a host may be a number in brackets, which are no pattern."""
    return url.partition("://")[2].partition("/")[2].partition("?")[0]


def _split_checksum(pattern: str) -> tuple[str, str]:
    path, _, checksum = pattern.partition("#adler32=")
    if checksum and not _CHECKSUM.fullmatch(checksum):
        raise RequestError(f"{pattern}: expected 8 hexadecimal digits after #adler32=, as in #adler32=0a1b2c3d")
    return path, checksum.lower()


def _lines(path: str) -> Iterator[str]:
    """The entries of a text list; comments (#) and empty lines are passed over, relative paths are of its folder."""
    try:
        text = read_text(path) if is_remote(path) else Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text"
        raise RequestError(f"{path}: cannot read this list of files: {reason}") from error
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        checksums = [word for word in words if _CHECKSUM.fullmatch(word)]
        names = [word for word in words if word not in checksums]
        if len(names) != 1 or len(checksums) > 1:
            raise RequestError(f"{path}: expected a path, and at most one adler32 checksum beside it, in line '{line}'")
        name = names[0]
        if not is_remote(name) and not name.startswith("~"):
            folder = path.rpartition("/")[0]
            name = f"{folder}/{name}" if is_remote(path) else str(Path(path).expanduser().parent / name)
        yield f"{name}#adler32={checksums[0]}" if checksums else name


def _local(path: str) -> list[str]:
    if Path(path).is_dir():
        path = str(Path(path) / "*.root")
    if not glob.has_magic(path) or Path(path).is_file():
        return [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - patterns may be absolute
    if not found:
        raise RequestError(f"no file matches {path} (working folder: {Path.cwd()})")
    return found


def _remote_glob(url: str) -> list[str]:
    files, pattern = file_system(url)
    try:
        found = sorted(files.unstrip_protocol(name) for name in files.glob(pattern))
    except OSError as error:
        raise RequestError(f"{url}: cannot list the files: {error}") from error
    if not found:
        raise RequestError(f"no file matches {url}")
    return found
