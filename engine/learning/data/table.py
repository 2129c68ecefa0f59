"""Write the rows of a training to disk once, from the shards, as float32, row by row, to be memory-mapped.

Reading rows from such a map costs a third of reading them from Parquet again in each epoch.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.records import find_beside, save_beside
from lineshape.engine.core.split import SplitName
from lineshape.engine.feature_store.shards import Table
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.survey import NETWORKS, Look, require_learnable
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset

Floats = NDArray[np.float32]
_FILE = "table.json"
_LIST_FILES = (".f32", ".offsets.i64")


@dataclass(frozen=True)
class Rows:
    """Rows of a split, mapped from disk.

    flat: (n, columns + targets), with the features first, then other columns, and the target's components at the end.
    names: names of the columns. features, targets: numbers of features and of components of the target. sequences: for
    each kind of list the offsets (n + 1,) and the content (total, columns).
    """

    flat: Floats
    names: tuple[str, ...]
    features: int
    sequences: dict[str, tuple[NDArray[np.int64], Floats]]
    targets: int = 1

    def __len__(self) -> int:
        return len(self.flat)

    def at(self, places: NDArray[np.int64]) -> "Rows":
        """Return the rows at these indices, in memory."""
        lists = {}
        for group, (offsets, content) in self.sequences.items():
            counts = offsets[places + 1] - offsets[places]
            ends = np.concatenate([[0], np.cumsum(counts)])
            inside = np.arange(ends[-1]) - np.repeat(ends[:-1], counts)
            lists[group] = ends, np.asarray(content[np.repeat(offsets[places], counts) + inside])
        return replace(self, flat=np.asarray(self.flat[places]), sequences=lists)

    @property
    def bytes(self) -> float:
        """Size of all rows and their lists, in bytes."""
        lists = sum(offsets.nbytes + content.nbytes for offsets, content in self.sequences.values())
        return float(self.flat.nbytes + lists)


@dataclass(frozen=True)
class TrainingTable:
    """Folder with the rows of the training and validation splits."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """Names of the columns, their numbers, the mean weight and the remarks."""
        about = find_beside(self.folder / _FILE)
        if about is None:
            raise RunError(f"{self.folder} is damaged: run the same command again, which writes it anew")
        return about

    @property
    def mean_weight(self) -> float:
        """Mean weight of the training rows; 1 where they have none."""
        return float(self.about["mean_weight"])

    @property
    def remarks(self) -> list[str]:
        """Remarks on the rows."""
        return list(self.about["remarks"])

    def rows(self, split: SplitName) -> Rows:
        """Return the rows of a split, mapped and not yet read."""
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
    """Write the rows, unless they are already written.

    Raises RunError, naming the column, where a network could not learn from them.
    """
    if find_beside(folder / _FILE) is None:
        folder.mkdir(parents=True, exist_ok=True)
        looks = _write(data, columns, folder)
        remarks = require_learnable(looks, columns, data.target.truths, NETWORKS)
        about = {
            "names": list(columns.flat),
            "features": len(columns.features),
            "targets": len(data.target.truths),
            "sequences": {group: len(names) for group, names in columns.sequences},
            "mean_weight": looks["training"].weight / looks["training"].rows if columns.weight else 1.0,
            "remarks": remarks,
        }
        save_beside(folder / _FILE, about)
    return TrainingTable(folder)


def _write(data: Dataset, columns: Columns, folder: Path) -> dict[SplitName, Look]:
    """Write the rows of both splits in one pass over the shards, and return the statistics of each."""
    with ExitStack() as stack:
        writers = {split: stack.enter_context(_writer(folder, split, columns)) for split in SPLITS}
        for found in data.by_split(SPLITS, [*columns.flat, *columns.jagged]):
            for split, (table, target) in found.items():
                writers[split].add(table, target)
    return {split: writer.look for split, writer in writers.items()}


@dataclass
class _Writer:
    """Open files of a split, and the statistics of the rows written to them."""

    columns: Columns
    flat: BinaryIO
    lists: dict[str, tuple[BinaryIO, BinaryIO]]
    look: Look = field(default_factory=Look)

    def __post_init__(self) -> None:
        self._total = dict.fromkeys(self.lists, 0)
        for _, offsets in self.lists.values():
            np.zeros(1, np.int64).tofile(offsets)

    def add(self, table: Table, target: Floats) -> None:
        """Write rows, and add them to the statistics."""
        values = [*(table[name] for name in self.columns.flat), *np.atleast_2d(target.T)]
        rows = np.array(values, dtype=np.float32).T
        np.ascontiguousarray(rows).tofile(self.flat)
        look = Look.of(rows, self.columns)
        for group, names in self.columns.sequences:
            lists = [table[name] for name in names]
            self._total[group] = _append(*self.lists[group], self._total[group], lists, names)
            look.add_lists(names, lists)
        self.look += look


@contextmanager
def _writer(folder: Path, split: SplitName, columns: Columns) -> Iterator[_Writer]:
    with ExitStack() as stack:

        def file(name: str) -> BinaryIO:
            return stack.enter_context((folder / name).open("wb"))

        values, offsets = _LIST_FILES
        lists = {
            group: (file(f"{split}.{group}{values}"), file(f"{split}.{group}{offsets}"))
            for group, _ in columns.sequences
        }
        yield _Writer(columns, file(f"{split}.f32"), lists)


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
