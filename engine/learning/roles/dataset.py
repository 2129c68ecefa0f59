"""Select the rows of a feature store that a model is trained on, and read them by split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.digests import uniform
from lineshape.engine.core.errors import RunError
from lineshape.engine.core.row_selection import Choice
from lineshape.engine.core.split import AnyDivision, SplitName, Target
from lineshape.engine.feature_store.shards import Table
from lineshape.engine.feature_store.store import WHOLE, FeatureStore, Shard, Share
from lineshape.engine.learning.roles.weight import WEIGHT, Weigh, Weight

Floats = NDArray[np.float32]
#: First stream of the hashes of event numbers that permute columns; each permuted column has a stream of its own.
_SHUFFLING = 2
#: Suffix of a column's name: the same column, permuted among the rows.
MIXED = " (shuffled)"
#: Splits that a training reads; the test split is for the measures.
SPLITS: tuple[SplitName, ...] = ("training", "validation")


@dataclass(frozen=True)
class Dataset:
    """Features and target of a training, read lazily from the shards.

    store: folder of the feature store. features: names of the columns of x, in order. choice: selection of the rows to
    train on. weight: computes the column WEIGHT, where the weight of a row is not simply one of its columns.
    """

    store: Path
    features: tuple[str, ...]
    target: Target
    split: AnyDivision
    choice: Choice = field(default_factory=Choice)
    weight: Weight | None = None

    @property
    def x_columns(self) -> tuple[str, ...]:
        """Names of the columns of x to request: the features, with the suffix MIXED for those that are to be permuted.

        Columns that samplers, weights and penalties read are not permuted.
        """
        return tuple(name + MIXED if name in self.choice.shuffled else name for name in self.features)

    @property
    def deciding(self) -> list[str]:
        """Columns that decide which rows are selected."""
        return [*self.target.columns, *self.choice.columns, "event"]

    def takes(self, shard: Shard) -> bool:
        """Return whether rows of a shard's sample may be selected."""
        return self.choice.samples is None or shard.sample in self.choice.samples

    def rows_of(self, shard: Shard, table: Table) -> dict[SplitName, NDArray[np.bool_]]:
        """Return for each split a mask of a shard's rows: those that are chosen and have a finite true value.

        Where the target is divided by `per`, its column must be above zero as well.
        """
        usable = self.choice.of(shard.sample, table, len(table["event"]))
        for name in self.target.truths:
            usable &= np.isfinite(table[name])
        if self.target.per:
            usable &= table[self.target.per] > 0
        return {split: rows & usable for split, rows in self.split.of(table["event"]).items()}

    def tables(
        self, split: SplitName, columns: Sequence[str] = (), share: Share = WHOLE
    ) -> Iterator[tuple[Table, Floats]]:
        """Yield columns and target of a split, shard by shard; rows without a true value are left out.

        The target is (n,), or (n, components) for a vector.

        share: one of several equal parts of the shards.
        """
        for found in self.by_split((split,), columns, share):
            yield found[split]

    def by_split(
        self, splits: Sequence[SplitName], columns: Sequence[str], share: Share = WHOLE
    ) -> Iterator[dict[SplitName, tuple[Table, Floats]]]:
        """Yield columns and target of several splits, shard by shard; each shard is read once."""
        weighed = WEIGHT in columns and self.weight is not None
        mixed = [name for name in columns if name.endswith(MIXED)]
        own = self.deciding
        if weighed:
            own += self.weight.columns if self.weight else ()
        read = list(dict.fromkeys([*(name.removesuffix(MIXED) for name in columns if name != WEIGHT), *own]))
        for shard, table in FeatureStore.load(self.store).read(read, share, self.choice.samples):
            of = self.rows_of(shard, table)
            found: dict[SplitName, tuple[Table, Floats]] = {}
            for split in splits:
                rows = of[split]
                chosen = {name: table[name][rows] for name in read}
                target = self.target.of(chosen).astype(np.float32)
                if weighed:
                    chosen[WEIGHT] = self._weighed(chosen, int(rows.sum()))
                for stream, name in enumerate(mixed, _SHUFFLING):
                    order = np.argsort(uniform(chosen["event"], stream), kind="stable")
                    chosen[name] = chosen[name.removesuffix(MIXED)][order]
                found[split] = {name: chosen[name] for name in columns}, target
            yield found

    def _weighed(self, chosen: Table, rows: int) -> NDArray[np.float64]:
        """Return the weights of these rows, (rows,); raises RunError where the array has another shape."""
        found = np.asarray(self._weigh(chosen))
        if found.shape != (rows,):
            raise RunError(
                f"weight {type(self.weight).__name__} gives an array of shape {found.shape} for {rows:,} rows: "
                f"expected ({rows},), one number a row"
            )
        return found

    @cached_property
    def _weigh(self) -> Weigh:
        assert self.weight is not None
        return self.weight.fit(table for table, _ in self.tables("training", self.weight.columns))

    def parts(
        self, split: SplitName, weight: str | None = None, share: Share = WHOLE
    ) -> Iterator[tuple[Floats, Floats, Floats | None]]:
        """Yield x (n, features), target, and weight (n,) where one is named, shard by shard."""
        for table, target in self.tables(split, [*self.x_columns, *([weight] if weight else [])], share):
            x = np.array([table[name] for name in self.x_columns], dtype=np.float32).T
            yield np.ascontiguousarray(x), target, table[weight].astype(np.float32) if weight else None

    def count(self, split: SplitName, share: Share = WHOLE) -> int:
        """Return the number of rows of a split; no feature is read."""
        return sum(len(target) for _, target in self.tables(split, share=share))
