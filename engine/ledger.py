"""The ledger: one line for each stage, or each run, that was done, on what, by which code, with what result."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from lineshape.engine.errors import RunError

PACKAGES = ("lineshape", "dask", "distributed", "coffea", "uproot", "awkward", "hist", "xgboost", "torch", "numpy")
#: Ends what a killed process left of a line, so that it is not taken for a record that was spoilt later.
_TORN: Final = b" (torn)"
#: What the records have.
_OF_A_STAGE: Final = {"stage", "finished", "seconds", "result", "versions"}
_OF_A_RUN: Final = {"run", "what", "finished", "seconds", "status", "text"}
#: Characters of a line that is shown.
_SHOWN: Final = 60


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
        file.write(end + json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def read(path: Path) -> list[dict[str, Any]]:
    """All records that can be read, oldest first."""
    return [line for _, line in _lines(path) if isinstance(line, dict)]


def stages(path: Path) -> list[dict[str, Any]]:
    """Records of stages, oldest first, for those who look; what is none is left out."""
    return [line for line in read(path) if line.keys() >= _OF_A_STAGE and "text" in line["result"]]


def runs(path: Path) -> list[dict[str, Any]]:
    """Records of scheduled reprocessing, oldest first; a line that a killed run left half written is none.

    Raises RunError that names a line which is no such record, as who is champion hangs upon every one.
    """
    records = []
    for number, line in _lines(path):
        if not (isinstance(line, dict) and line.keys() >= _OF_A_RUN):
            raise RunError(
                f"{path}, line {number}: expected a record of reprocessing, found {_shown(path, number)}. What was "
                "published and which version is champion is known from this file alone: put the line back from a copy; "
                "if there is none, remove it: what it said is then forgotten, and no version is touched"
            )
        records.append(line)
    return records


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Number and content of each line but torn ones; None for what is not JSON."""
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        torn = line.endswith(_TORN) or (number == len(lines) and not _is_json(line))
        if not torn:
            yield number, json.loads(line) if _is_json(line) else None


def _shown(path: Path, number: int) -> str:
    text = path.read_bytes().split(b"\n")[number - 1].decode(errors="replace")
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
