"""Losses of a training, one JSON line a step."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE = "history.jsonl"


class History:
    """Appends to history.jsonl in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._path.write_text("", encoding="utf-8")

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Losses after a step (an epoch, a boosting round)."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **losses}) + "\n")


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of a bundle's history, or none where nothing was trained."""
    path = folder / FILE
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
