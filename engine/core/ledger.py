"""The ledger: one line per finished stage or reprocessing run, with its inputs, code versions and result."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, TypeVar

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.records import as_shape, sealed, unsealed

T = TypeVar("T")
PACKAGES = ("lineshape", "dask", "distributed", "coffea", "uproot", "awkward", "hist", "xgboost", "torch", "numpy")
#: Appended to a partial line left by a killed process, so that it is not taken for a record damaged later.
_TORN: Final = b" (torn)"
#: Longest excerpt of a line in a message, in characters.
_SHOWN: Final = 60


@dataclass(frozen=True)
class StageResult:
    """Result of a stage, in a line."""

    text: str


@dataclass(frozen=True)
class StageRecord:
    """Record of a stage that was done: when it finished, in UTC, how long it took, and the versions of packages."""

    stage: str
    finished: str
    seconds: float
    result: StageResult
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def record(path: Path, stage: str, text: str, seconds: float) -> None:
    """Append the record of a stage that finished now. text: its result, in a line."""
    finished = datetime.now(UTC).isoformat(timespec="seconds")
    append(path, asdict(StageRecord(stage, finished, round(seconds, 2), StageResult(text), versions())))


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Append a record and flush it to disk; a partial line left by a killed process does not affect it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        left = file.read().rpartition(b"\n")[2]
        # A partial line is marked as such; one that only lacks its newline is a record.
        end = b"" if not left else b"\n" if _is_json(left) else _TORN + b"\n"
        file.write(end + json.dumps(sealed(line)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _record_in(line: bytes) -> dict[str, Any] | None:
    """Return the record in a line; None where there is none, or where it was changed since it was written."""
    try:
        values = unsealed(line.decode())
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _as(record: Any, shape: type[T]) -> T | None:
    """Return a record as a type, ignoring further keys; None where it is another one."""
    try:
        return as_shape(record, shape, partly=True)
    except ValueError:
        return None


def read(path: Path) -> list[dict[str, Any]]:
    """Return all readable records, oldest first."""
    return [record for _, record in _lines(path) if record is not None]


def stages(path: Path) -> list[StageRecord]:
    """Return the records of stages, oldest first; lines that are none are left out, see `damaged`."""
    return [found for record in read(path) if (found := _as(record, StageRecord)) is not None]


def damaged(path: Path) -> list[int]:
    """Return the numbers of the lines of a run's ledger that are no record of a stage, a partial last line included.

    Earlier partial lines, ended when the next record was appended, are not counted.
    """
    wrong = [number for number, record in _lines(path) if _as(record, StageRecord) is None]
    lines = path.read_bytes().split(b"\n") if path.is_file() else [b""]
    return wrong if not lines[-1] or _is_json(lines[-1]) else [*wrong, len(lines)]


def read_as(path: Path, shape: type[T], what: str, todo: str) -> list[T]:
    """Return all records as a type, oldest first; a partial line left by a killed process is skipped.

    what, todo: the kind of record that is expected, and what the user should do about a line that is none.

    Raises RunError naming such a line.
    """
    records = []
    for number, record in _lines(path):
        found = _as(record, shape)
        if found is None:
            raise RunError(f"{path}, line {number}: expected {what}, found {_shown(path, number)}. {todo}")
        records.append(found)
    return records


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield the number and record of each line except partial ones; the record is None where the line holds none."""
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        torn = line.endswith(_TORN) or (number == len(lines) and not _is_json(line))
        if not torn:
            yield number, _record_in(line)


def _shown(path: Path, number: int) -> str:
    text = path.read_bytes().split(b"\n")[number - 1].decode(errors="replace")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
