"""The ledger: one line for each stage, or each run, that was done, on what, by which code, with what result."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.records import as_shape, sealed, unsealed

PACKAGES = ("lineshape", "dask", "distributed", "coffea", "uproot", "awkward", "hist", "xgboost", "torch", "numpy")
#: Ends what a killed process left of a line, so that it is not taken for a record that was spoilt later.
_TORN: Final = b" (torn)"
#: Characters of a line that is shown.
_SHOWN: Final = 60


@dataclass
class _Result:
    text: str


@dataclass
class _OfAStage:
    """What the record of a stage has."""

    stage: str
    finished: str
    seconds: float
    result: _Result
    versions: dict[str, str]


@dataclass
class _Training:
    code: dict[str, Any]
    rows: int


@dataclass
class _Decision:
    promoted: bool


@dataclass
class _OfARun:
    """What the record of a run of scheduled reprocessing has, as far as it is read."""

    run: int
    what: str
    finished: str
    seconds: float
    status: str
    text: str
    champion: str | None = None
    version: str | None = None
    content: str | None = None
    files: dict[str, list[dict[str, Any]]] | None = None
    data: dict[str, Any] | None = None
    training: _Training | None = None
    comparison: dict[str, Any] | None = None
    decision: _Decision | None = None


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def record(path: Path, stage: str, result: Mapping[str, Any], seconds: float) -> None:
    """Append what a stage did."""
    line = {
        "stage": stage,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "result": dict(result),
        "versions": versions(),
    }
    append(path, line)


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add a record; it is on the disk when this returns, and what a killed process left of one harms no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        file.seek(0)
        left = file.read().rpartition(b"\n")[2]
        # What is left of a line is ended as such; one that lacks its end alone is a record.
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
    """Return the record in a line, None where there is none, or it was changed since it was written."""
    try:
        values = unsealed(line.decode())
    except (ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _is(record: Any, shape: type) -> bool:
    try:
        as_shape(record, shape, partly=True)
    except ValueError:
        return False
    return True


def read(path: Path) -> list[dict[str, Any]]:
    """All records that can be read, oldest first."""
    return [record for _, record in _lines(path) if record is not None]


def stages(path: Path) -> list[dict[str, Any]]:
    """Records of stages, oldest first, for those who look; what is none is left out, see `spoilt`."""
    return [record for record in read(path) if _is(record, _OfAStage)]


def spoilt(path: Path) -> list[int]:
    """Return the numbers of the lines of a run's ledger that are no record of a stage; of what a kill left the last."""
    wrong = [number for number, record in _lines(path) if not _is(record, _OfAStage)]
    lines = path.read_bytes().split(b"\n") if path.is_file() else [b""]
    return wrong if not lines[-1] or _is_json(lines[-1]) else [*wrong, len(lines)]


def runs(path: Path) -> list[dict[str, Any]]:
    """Records of scheduled reprocessing, oldest first; a line that a killed run left half written is none.

    Raises RunError that names a line which is no such record, as who is champion hangs upon every one.
    """
    records = []
    for number, record in _lines(path):
        if record is None or not _is(record, _OfARun):
            raise RunError(
                f"{path}, line {number}: expected a record of reprocessing, found {_shown(path, number)}. What was "
                "published and which version is champion is known from this file alone: put the line back from a copy; "
                "if there is none, remove it: what it said is then forgotten, and no version is touched"
            )
        records.append(record)
    return records


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Number and record of each line but torn ones; None for what is none."""
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
