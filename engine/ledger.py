"""The ledger: one line for each stage, or each run, that was done, on what, by which code, with what result."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("lineshape", "dask", "distributed", "coffea", "uproot", "awkward", "hist", "xgboost", "torch", "numpy")


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
        file.seek(0, os.SEEK_END)
        torn = file.tell() > 0 and _last_byte(file.fileno(), file.tell()) != b"\n"
        file.write((b"\n" if torn else b"") + json.dumps(line).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _last_byte(file: int, size: int) -> bytes:
    return os.pread(file, 1, size - 1)


def read(path: Path) -> list[dict[str, Any]]:
    """All records, oldest first; a torn line is left out."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records
