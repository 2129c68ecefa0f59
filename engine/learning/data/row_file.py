"""Write the rows of a training to disk, for models that read them more than once.

One pass over the shards writes both splits. They are read block by block, so that they are never all in memory; unlike
those of a network's table they may hold NaN.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.records import find_beside, save_beside
from lineshape.engine.core.split import SplitName
from lineshape.engine.feature_store.store import WHOLE, FeatureStore, Share
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.survey import Look
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset

Floats = NDArray[np.float32]
_BLOCK = 65_536
#: Largest number of targets that the start value of a training is computed from; of more, evenly spaced ones.
_MOST_TARGETS = 20_000_000
#: Written last, so that it marks the rows as complete.
_LOOKS = "looks.json"
_TARGETS = "targets.f32"


@dataclass(frozen=True)
class RowFile:
    """Folder with the rows of a training: features, a weight where there is one, and the target, as float32.

    features, targets: numbers of columns. width: values per row. weight: index of the weight in a row, which may be
    that of a feature. looks: statistics of the rows of each split.
    """

    folder: Path
    features: int
    targets: int
    width: int
    weight: int | None
    looks: dict[SplitName, Look]

    @classmethod
    def write(cls, data: Dataset, columns: Columns, folder: Path, share: Share = WHOLE) -> "RowFile":
        """Write the rows of a share of the shards, unless they are already written."""
        found_looks = find_beside(folder / _LOOKS)
        if found_looks is None:
            folder.mkdir(parents=True, exist_ok=True)
            looks = dict.fromkeys(SPLITS, Look())
            every = -(-FeatureStore.load(data.store).rows // _MOST_TARGETS)
            with ExitStack() as stack:
                files = {split: stack.enter_context((folder / f"{split}.f32").open("wb")) for split in SPLITS}
                some = stack.enter_context((folder / _TARGETS).open("wb"))
                for found in data.by_split(SPLITS, columns.flat, share):
                    for split, (table, target) in found.items():
                        values = [*(table[name] for name in columns.flat), *np.atleast_2d(target.T)]
                        rows = np.array(values, dtype=np.float32).T
                        looks[split] += Look.of(rows, columns)
                        np.ascontiguousarray(rows).tofile(files[split])
                    found["training"][1][::every].tofile(some)
            save_beside(folder / _LOOKS, {split: look.to_json() for split, look in looks.items()})
        else:
            looks = {split: Look.from_json(found_looks[split]) for split in SPLITS}
        weight = columns.flat.index(columns.weight) if columns.weight else None
        targets = len(data.target.truths)
        return cls(folder, len(columns.features), targets, len(columns.flat) + targets, weight, looks)

    def at(self, split: SplitName, places: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return x (n, features) and target of the rows of a split at these indices."""
        path = self._path(split)
        rows = np.memmap(path, np.float32, "r").reshape(-1, self.width)[places]
        return rows[:, : self.features], rows[:, -1] if self.targets == 1 else rows[:, -self.targets :]

    @property
    def some_targets(self) -> Floats:
        """Targets of all training rows, or of evenly spaced ones where there are more than are needed."""
        return np.fromfile(self.folder / _TARGETS, np.float32)

    def count(self, split: SplitName) -> int:
        """Return the number of rows of a split."""
        return self.looks[split].rows

    def blocks(self, split: SplitName) -> Iterator[tuple[Floats, Floats, Floats | None]]:
        """Yield x (n, features), target, and weight (n,) or None, of successive blocks of rows."""
        with self._path(split).open("rb") as file:
            while len(flat := np.fromfile(file, np.float32, _BLOCK * self.width)):
                rows = flat.reshape(-1, self.width)
                x = np.ascontiguousarray(rows[:, : self.features])
                target = rows[:, -1] if self.targets == 1 else rows[:, -self.targets :]
                yield x, target.copy(), None if self.weight is None else rows[:, self.weight].copy()

    def _path(self, split: SplitName) -> Path:
        return self.folder / f"{split}.f32"
