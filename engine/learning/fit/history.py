"""Write the losses of a training, one JSON line per step, and read them back."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.files import replacing

FILE = "history.jsonl"
_STROKES = "▁▂▃▄▅▆▇█"


class History:
    """Writer that appends to history.jsonl in a folder; lines after step `done`, which are repeated, are removed."""

    def __init__(self, folder: Path, done: int = 0) -> None:
        self._path = folder / FILE
        write_history(folder, [line for line in read_history(folder) if line["step"] <= done])

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        """Append the losses after a step (an epoch, a boosting round)."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **losses}) + "\n")


def require_finite(losses: Mapping[str, float], when: str, advice: str) -> None:
    """Raise RunError where a loss is NaN or infinite."""
    if bad := {name: value for name, value in losses.items() if not math.isfinite(value)}:
        raise RunError(f"the loss is not finite {when}: {bad}; {advice}")


def write_history(folder: Path, lines: Sequence[Mapping[str, float]]) -> None:
    """Write all lines atomically."""
    with replacing(folder / FILE) as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def standing(scores: Sequence[float], width: int = 16) -> str:
    """Return a note with the last validation loss and a small curve: `validation 0.0123 ▇▄▂▁`. scores: by step."""
    if not scores:
        return ""
    # Of many steps each stroke is the best of several, so that the curve does not show the noise of single rounds.
    size = -(-len(scores) // width)
    points = [min(scores[start : start + size]) for start in range(0, len(scores), size)]
    low, high = min(points), max(points)
    levels = [int((point - low) / (high - low) * (len(_STROKES) - 1)) if high > low else 0 for point in points]
    return f"validation {scores[-1]:.4f} {''.join(_STROKES[level] for level in levels)}"


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a bundle's history; empty where nothing was trained."""
    path = folder / FILE
    lines: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(json.loads(line))
        except ValueError:  # a line that was cut short when the power went: its step is done again
            break
    return lines
