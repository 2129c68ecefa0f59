"""Rows of a training on disk, for models that go through them more than once.

One pass over the shards writes both splits. They are read block by block, so that they take no memory; unlike those of
a network's table they may hold NaN.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.dataset import SPLITS, Dataset
from lineshape.engine.shards import WHOLE, Share
from lineshape.engine.split import SplitName

Floats = NDArray[np.float32]
_BLOCK = 65_536
_DONE = "done"


@dataclass(frozen=True)
class Spool:
    """A folder that holds, row by row, features, a weight where there is one, and the target, as float32.

    targets: components of the target.
    """

    folder: Path
    features: int
    weighted: bool
    targets: int = 1

    @classmethod
    def write(cls, data: Dataset, weight: str | None, folder: Path, share: Share = WHOLE) -> "Spool":
        """The rows of a share of the shards, or find them written."""
        spool = cls(folder, len(data.features), weight is not None, len(data.target.truths))
        if not (folder / _DONE).is_file():
            folder.mkdir(parents=True, exist_ok=True)
            names = [*data.x_columns, *([weight] if weight else [])]
            with ExitStack() as stack:
                files = {split: stack.enter_context(spool._path(split).open("wb")) for split in SPLITS}
                for found in data.by_split(SPLITS, names, share):
                    for split, (table, target) in found.items():
                        values = [*(table[name] for name in names), *np.atleast_2d(target.T)]
                        rows = np.array(values, dtype=np.float32).T
                        np.ascontiguousarray(rows).tofile(files[split])
            (folder / _DONE).touch()
        return spool

    def count(self, split: SplitName) -> int:
        """Rows of a split."""
        return self._path(split).stat().st_size // (4 * self._width)

    def blocks(self, split: SplitName) -> Iterator[tuple[Floats, Floats, Floats | None]]:
        """X (n, features), target and weight (n,) of some rows after others."""
        with self._path(split).open("rb") as file:
            while len(flat := np.fromfile(file, np.float32, _BLOCK * self._width)):
                rows = flat.reshape(-1, self._width)
                x = np.ascontiguousarray(rows[:, : self.features])
                target = rows[:, -1] if self.targets == 1 else rows[:, -self.targets :]
                yield x, target.copy(), rows[:, self.features].copy() if self.weighted else None

    @property
    def _width(self) -> int:
        return self.features + self.weighted + self.targets

    def _path(self, split: SplitName) -> Path:
        return self.folder / f"{split}.f32"
