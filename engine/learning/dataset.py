"""What a model is trained on: rows of a feature store, by split."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.errors import RunError
from lineshape.engine.shards import FeatureStore
from lineshape.engine.split import Split, SplitName, Target

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Dataset:
    """Features and target, read from the shards when they are asked for.

    store: folder of the feature store. features: names of the columns of x, in order.
    """

    store: Path
    features: tuple[str, ...]
    target: Target
    split: Split

    def parts(self, split: SplitName) -> Iterator[tuple[Floats, Floats]]:
        """X (n, features) and target (n,), shard by shard; rows without a true value are left out."""
        columns = list(dict.fromkeys([*self.features, self.target.truth, self.target.per, "event"]))
        for table in FeatureStore.load(self.store).tables(columns):
            truth, per = table[self.target.truth], table[self.target.per]
            rows = self.split.of(table["event"])[split] & np.isfinite(truth) & (per > 0)
            x = np.array([table[name][rows] for name in self.features], dtype=np.float32).T
            yield np.ascontiguousarray(x), (truth[rows] / per[rows]).astype(np.float32)

    def load(self, split: SplitName) -> tuple[Floats, Floats]:
        """All rows of a split in memory: x (n, features) and target (n,)."""
        parts = list(self.parts(split))
        return np.concatenate([x for x, _ in parts]), np.concatenate([t for _, t in parts])

    def count(self, split: SplitName) -> int:
        """Rows of a split; no feature is read."""
        return sum(len(target) for _, target in replace(self, features=()).parts(split))

    def require_finite(self, x: Floats) -> None:
        """Raise RunError, naming the columns, where a feature is NaN or infinite."""
        bad = ~np.isfinite(x)
        if bad.any():
            counts = ", ".join(f"{name} ({n:,})" for name, n in zip(self.features, bad.sum(axis=0), strict=True) if n)
            raise RunError(
                f"features that a network cannot take are NaN or infinite: {counts} of {len(x):,} rows; "
                "leave these features out of the model's set, or cut such rows in the processor"
            )
