"""The rows of a training on disk, written once from the shards: float32, row by row, to be mapped into memory.

Reading rows from such a map costs a third of reading them from Parquet again in each epoch.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.errors import RunError, listing
from lineshape.engine.files import read_json, write_json
from lineshape.engine.learning.dataset import SPLITS, Dataset
from lineshape.engine.split import SplitName

Floats = NDArray[np.float32]
_FILE = "table.json"
_LIST_FILES = (".f32", ".offsets.i64")


@dataclass(frozen=True)
class Columns:
    """Which columns a training needs.

    features: of x. others: what losses, penalties and samplers look at. weight: of each row. sequences: columns of each
    kind of list (tracks, clusters). classes: how many the target numbers, None where it is a quantity.
    """

    features: tuple[str, ...]
    others: tuple[str, ...] = ()
    weight: str | None = None
    sequences: tuple[tuple[str, tuple[str, ...]], ...] = ()
    classes: int | None = None

    @property
    def flat(self) -> tuple[str, ...]:
        """Those with one value a row."""
        return tuple(dict.fromkeys([*self.features, *self.others, *([self.weight] if self.weight else [])]))

    @property
    def jagged(self) -> tuple[str, ...]:
        """Those with a list in each row."""
        return tuple(dict.fromkeys(name for _, names in self.sequences for name in names))


@dataclass(frozen=True)
class Rows:
    """A split, mapped from disk.

    flat: (n, columns + targets): the features, other columns, and the target's components at the end. sequences: for
    each kind of list the offsets (n + 1,) and the content (total, columns).
    """

    flat: Floats
    names: tuple[str, ...]
    features: int
    sequences: dict[str, tuple[NDArray[np.int64], Floats]]
    targets: int = 1

    def __len__(self) -> int:
        return len(self.flat)

    @property
    def bytes(self) -> float:
        """Of all rows and their lists."""
        lists = sum(offsets.nbytes + content.nbytes for offsets, content in self.sequences.values())
        return float(self.flat.nbytes + lists)


@dataclass(frozen=True)
class TrainingTable:
    """A folder that holds the rows of a training and validation split."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """Names of the columns, numbers of rows, and the mean weight."""
        about: dict[str, Any] = read_json(self.folder / _FILE)
        return about

    @property
    def mean_weight(self) -> float:
        """Of the training rows."""
        return float(self.about["mean_weight"])

    def rows(self, split: SplitName) -> Rows:
        """The rows of a split, without reading them."""
        names = tuple(self.about["names"])
        targets = self.about["targets"]
        flat = self._map(f"{split}.f32", np.float32).reshape(-1, len(names) + targets)
        sequences = {
            group: (
                self._map(f"{split}.{group}{_LIST_FILES[1]}", np.int64),
                self._map(f"{split}.{group}{_LIST_FILES[0]}", np.float32).reshape(-1, width),
            )
            for group, width in self.about["sequences"].items()
        }
        return Rows(flat, names, self.about["features"], sequences, targets)

    def _map(self, name: str, kind: type) -> NDArray[Any]:
        path = self.folder / name
        return np.memmap(path, kind, "r") if path.stat().st_size else np.empty(0, kind)


def make_table(data: Dataset, columns: Columns, folder: Path) -> TrainingTable:
    """Write the rows, or find them written.

    Raises RunError, naming the column, where a network could not learn from it: a value that is missing or infinite, a
    feature that is the same in all rows, a label that is not of a class, a class without rows.
    """
    if not (folder / _FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        looks = {split: _write(data, columns, folder, split) for split in SPLITS}
        for look in looks.values():
            look.require_usable(columns, data.target.truths)
        looks["training"].require_variety(columns, data.target.truths[0])
        about = {
            "names": list(columns.flat),
            "features": len(columns.features),
            "targets": len(data.target.truths),
            "sequences": {group: len(names) for group, names in columns.sequences},
            "mean_weight": looks["training"].mean_weight,
        }
        write_json(folder / _FILE, about)
    return TrainingTable(folder)


def _write(data: Dataset, columns: Columns, folder: Path, split: SplitName) -> "_Look":
    look = _Look(columns, len(data.target.truths))
    groups = dict(columns.sequences)
    total = dict.fromkeys(groups, 0)
    with ExitStack() as stack:
        flat, *others = (
            stack.enter_context((folder / name).open("wb"))
            for name in [f"{split}.f32", *(f"{split}.{group}{end}" for group in groups for end in _LIST_FILES)]
        )
        pairs = dict(zip(groups, zip(others[::2], others[1::2], strict=True), strict=True))
        for _, offsets in pairs.values():
            np.zeros(1, np.int64).tofile(offsets)
        for table, target in data.tables(split, [*columns.flat, *columns.jagged]):
            values = [*(table[name] for name in columns.flat), *np.atleast_2d(target.T)]
            rows = np.array(values, dtype=np.float32).T
            look.add(rows)
            np.ascontiguousarray(rows).tofile(flat)
            for group, names in groups.items():
                lists = [table[name] for name in names]
                total[group] = _append(*pairs[group], total[group], lists, names)
                look.add_lists(names, lists)
    return look


def _append(file: BinaryIO, offsets: BinaryIO, before: int, lists: Sequence[Any], names: Sequence[str]) -> int:
    first = lists[0]
    for name, other in zip(names, lists, strict=True):
        if not np.array_equal(other.offsets, first.offsets):
            raise RunError(f"columns {names[0]} and {name} have lists of different lengths, and cannot be of one kind")
        if bad := int((~np.isfinite(other.content)).sum()):
            raise RunError(f"column {name} holds {bad:,} values that are NaN or infinite; cut them in the processor")
    (first.offsets[1:] + before).astype(np.int64).tofile(offsets)
    np.ascontiguousarray(np.array([each.content for each in lists], dtype=np.float32).T).tofile(file)
    return before + int(first.offsets[-1])


class _Look:
    """What is to be known of the rows before anything is learnt from them, gathered shard by shard."""

    def __init__(self, columns: Columns, targets: int) -> None:
        self._columns = columns
        width = len(columns.flat) + targets
        self.rows = 0
        self.missing = np.zeros(width, np.int64)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)
        self.labels: dict[float, int] = {}
        self.weight = 0.0
        self.of_lists: dict[str, tuple[float, float]] = {}

    def add(self, rows: Floats) -> None:
        """Look at some more rows."""
        if not len(rows):
            return
        self.rows += len(rows)
        self.missing += (~np.isfinite(rows)).sum(axis=0)
        self.low, self.high = np.minimum(self.low, rows.min(axis=0)), np.maximum(self.high, rows.max(axis=0))
        if self._columns.classes:
            for label, number in zip(*np.unique(rows[:, -1], return_counts=True), strict=True):
                self.labels[float(label)] = self.labels.get(float(label), 0) + int(number)
        if self._columns.weight:
            self.weight += float(rows[:, self._columns.flat.index(self._columns.weight)].sum(dtype=np.float64))

    def add_lists(self, names: Sequence[str], lists: Sequence[Any]) -> None:
        """Look at the lists of some more rows."""
        for name, each in zip(names, lists, strict=True):
            if len(each.content):
                low, high = self.of_lists.get(name, (np.inf, -np.inf))
                self.of_lists[name] = min(low, float(each.content.min())), max(high, float(each.content.max()))

    @property
    def mean_weight(self) -> float:
        """1 where rows have none."""
        return self.weight / self.rows if self._columns.weight else 1.0

    def require_usable(self, columns: Columns, targets: Sequence[str]) -> None:
        """Raise RunError where a value is missing, infinite or no label."""
        names = [*columns.flat, *(f"the target ({target})" for target in targets)]
        if self.missing.any():
            counts = ", ".join(f"{name} ({n:,})" for name, n in zip(names, self.missing, strict=True) if n)
            raise RunError(
                f"columns that a network cannot take are NaN or infinite: {counts} of {self.rows:,} rows; "
                "leave these features out of the model's set, or cut such rows in the processor"
            )
        expected = range(columns.classes or 0)
        if wrong := [label for label in self.labels if label not in expected]:
            raise RunError(
                f"column {targets[0]} holds labels {listing(f'{label:g}' for label in sorted(wrong))} in "
                f"{sum(self.labels[label] for label in wrong):,} of {self.rows:,} rows; "
                f"expected 0 to {len(expected) - 1}, as the loss has {len(expected)} classes"
            )

    def require_variety(self, columns: Columns, target: str) -> None:
        """Raise RunError where there is nothing to tell apart."""
        if not self.rows:
            raise RunError("there are no rows to train on: see the cut flow of the processing")
        same = self.low[: len(columns.features)] == self.high[: len(columns.features)]
        if same.any():
            named = [
                f"{name} ({low:g})"
                for name, low, is_same in zip(columns.features, self.low, same, strict=False)
                if is_same
            ]
            raise RunError(
                f"features that are the same in all {self.rows:,} training rows: {', '.join(named)}; "
                "leave these out of the model's set"
            )
        for name in columns.jagged:
            low, high = self.of_lists.get(name, (0.0, 0.0))
            if low == high:
                raise RunError(
                    f"column {name} is the same ({low:g}) in all lists of the training rows, or all are empty; "
                    "leave it out of the network's sequences"
                )
        if empty := [label for label in range(columns.classes or 0) if label not in self.labels]:
            raise RunError(
                f"column {target}: no training rows of class {', '.join(map(str, empty))}; there are "
                + ", ".join(f"{number:,} of {label:g}" for label, number in sorted(self.labels.items()))
            )
        if columns.weight and not self.weight > 0:
            raise RunError(f"column {columns.weight}: the weights of the training rows add up to {self.weight:g}")
