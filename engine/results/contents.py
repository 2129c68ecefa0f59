"""Record the files of a report with their digests, and read them back only if they are unchanged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import reading
from lineshape.engine.core.records import digest_of_file, find_record, read_record, save_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.results.row import Row

_MADE_FROM: Final = "made_from.json"
_AGAIN: Final = "run 'lineshape report' again"
#: Characters other than letters of any language, digits, and signs without a meaning in shells, paths and URLs.
_UNSAFE: Final = re.compile(r"[^\w.+=@()-]+")
_LONGEST: Final = 100


def file_name(name: str) -> str:
    """Return a file name for the name of a plot; characters with a meaning in paths are replaced.

    Different names give different files, as a name that was changed gets a part of its digest.
    """
    safe = _UNSAFE.sub("_", name).lstrip(".")[:_LONGEST]
    return name if safe == name else f"{safe}_{digest(name)[:6]}"


@dataclass(frozen=True)
class _MadeFrom:
    """Identity of what a report was made from, and the digest of each of its files, by their path in the run folder.

    plots: identity of what each plot was drawn from, by the plot's name.
    """

    identity: str
    files: dict[str, str]
    plots: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A plot of a report.

    section: section of the report that it is in. samples: samples that it shows, where there are several.
    """

    name: str
    section: str
    samples: str
    caption: str


def seal(folder: RunFolder, identity: str, plots: Mapping[str, str]) -> None:
    """Record what a report and its plots were made from and the digests of its files, once all of them are there."""
    files = [folder.summary, *sorted(path for path in folder.report.rglob("*") if path.is_file())]
    own = (path for path in files if path.name != _MADE_FROM and path.name[0] != ".")
    digests = {path.relative_to(folder.path).as_posix(): digest_of_file(path) for path in own}
    save_record(folder.report / _MADE_FROM, {"identity": identity, "files": digests, "plots": dict(plots)})


def keep_unchanged(folder: RunFolder, plots: Mapping[str, str]) -> set[str]:
    """Return the names of plots that the report before drew from the same, with unchanged files; remove all others."""
    made = find_record(folder.report / _MADE_FROM, _MadeFrom)
    kept = set()
    for name, paths in _plot_files(folder).items():
        if made and name in plots and made.plots.get(name) == plots[name] and _are_recorded(folder, made, paths):
            kept.add(name)
            continue
        for path in paths:
            path.unlink()
    return kept


def _are_recorded(folder: RunFolder, made: _MadeFrom, paths: list[Path]) -> bool:
    """Return whether a plot's files are all there, with the content that was recorded."""
    found = {path.relative_to(folder.path).as_posix(): digest_of_file(path) for path in paths}
    stems = {Path(path).with_suffix("") for path in found}
    return found == {path: known for path, known in made.files.items() if Path(path).with_suffix("") in stems}


def _plot_files(folder: RunFolder) -> dict[str, list[Path]]:
    """Return the files of plots by the plot's name."""
    files: dict[str, list[Path]] = {}
    for path in sorted((folder.report / "plots").glob("*")):
        files.setdefault(path.stem, []).append(path)
    return files


def is_whole(folder: RunFolder, identity: str) -> bool:
    """Return whether there is a report that was made from this, with all of its files unchanged."""
    made = find_record(folder.report / _MADE_FROM, _MadeFrom)
    if made is None or made.identity != identity or not made.files:
        return False
    paths = {folder.path / name: known for name, known in made.files.items()}
    return all(path.is_file() and digest_of_file(path) == known for path, known in paths.items())


def read_rows(folder: RunFolder) -> list[Row]:
    """Return the rows of summary.json; raises RunError where it is damaged."""
    _check(folder, folder.summary)
    return read_record(folder.summary, list[Row], _AGAIN)


def read_plots(folder: RunFolder) -> list[Entry]:
    """Return the plots of a report, in its order, none where there is none; raises RunError where it is damaged."""
    if not folder.plots.is_file():
        return []
    _check(folder, folder.plots)
    return read_record(folder.plots, list[Entry], _AGAIN)


def _check(folder: RunFolder, path: Path) -> None:
    """Raise RunError where a file has changed since the report was made."""
    about = folder.report / _MADE_FROM
    known: dict[str, Any] = read_record(about, _MadeFrom, _AGAIN).files if about.is_file() else {}
    name = path.relative_to(folder.path).as_posix()
    with reading(path, _AGAIN):
        if name in known and digest_of_file(path) != known[name]:
            raise ValueError("its content is not what was written")
