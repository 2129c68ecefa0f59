"""Sum up columns of shards on a worker: their distributions, then their correlations."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.feature_store.shards import Table
from lineshape.engine.feature_store.store import Shard
from lineshape.engine.feature_store.tables import Computed, read_table
from lineshape.engine.results.look import ColumnSums, Moments, places

#: A group of rows: its kind (class or sample) and name.
GroupKey = tuple[str, str]


@dataclass(frozen=True)
class ReadGroups:
    """The rows of shards by class and by sample.

    classes: names by the number of the class in `class_column`, empty for none. computed: columns that are computed
    when rows are read.
    """

    store: Path
    columns: tuple[str, ...]
    class_column: str
    classes: tuple[str, ...]
    computed: Mapping[str, Computed]

    def tables(self, shards: Sequence[Shard]) -> Iterator[tuple[Table, NDArray[Any] | None, dict[GroupKey, Any]]]:
        """Yield columns, weights (None without any), and the rows of each group, shard by shard."""
        extra = [name for name in (EVENT_WEIGHT, self.class_column) if name in self.computed or name in self.columns]
        for shard in shards:
            read = list(dict.fromkeys([*self.columns, *extra])) or ["event"]
            table = read_table(self.store / shard.path, shard.sample, read, self.computed)
            rows: dict[GroupKey, Any] = {("sample", shard.sample): slice(None)}
            for number, name in enumerate(self.classes):
                rows["class", name] = table[self.class_column] == number
            weight = table.get(EVENT_WEIGHT)
            yield table, None if weight is None else np.asarray(weight, dtype=np.float64), rows


@dataclass(frozen=True)
class Distributions:
    """Task that sums up each column in fine bins. edges: of the bins, by column."""

    read: ReadGroups
    edges: Mapping[str, NDArray[np.float64]]

    def __call__(self, shards: tuple[Shard, ...]) -> dict[GroupKey, tuple[int, dict[str, ColumnSums]]]:
        """Return the number of rows and the sums by group."""
        found: dict[GroupKey, tuple[int, dict[str, ColumnSums]]] = {}
        for table, weight, groups in self.read.tables(shards):
            for key, rows in groups.items():
                own = None if weight is None else weight[rows]
                sums = {name: ColumnSums.of(table[name][rows], own, edges) for name, edges in self.edges.items()}
                number = len(next(iter(table.values()))[rows])
                if key in found:
                    before, known = found[key]
                    number, sums = number + before, {name: known[name] + each for name, each in sums.items()}
                found[key] = number, sums
        return found


@dataclass(frozen=True)
class Relations:
    """Task that sums up products of columns, and of their ranks.

    edges: of the fine bins, by column. ranks: of the bins, by group and column.
    """

    read: ReadGroups
    edges: Mapping[str, NDArray[np.float64]]
    ranks: Mapping[GroupKey, Mapping[str, NDArray[np.float64]]]

    def __call__(self, shards: tuple[Shard, ...]) -> dict[GroupKey, tuple[Moments, Moments]]:
        """Return the sums of columns and of ranks by group, over rows with a value in every column."""
        found: dict[GroupKey, tuple[Moments, Moments]] = {}
        for table, weight, groups in self.read.tables(shards):
            values = np.stack([np.asarray(table[name], dtype=np.float64) for name in self.edges], axis=1)
            whole = np.asarray(np.isfinite(values).all(axis=1))
            for key, rows in groups.items():
                if key not in self.ranks:
                    continue
                chosen: NDArray[np.bool_] = np.zeros(len(values), dtype=np.bool_)
                chosen[rows] = whole[rows]
                x, own = values[chosen], None if weight is None else weight[chosen]
                ranks = [
                    self.ranks[key][name][places(x[:, number], edges)]
                    for number, (name, edges) in enumerate(self.edges.items())
                ]
                # Relative to the middle of the range, so that large values do not cancel.
                middle = np.array([(edges[0] + edges[-1]) / 2 for edges in self.edges.values()])
                sums = Moments.of(x - middle, own), Moments.of(np.stack(ranks, axis=1) - 0.5, own)
                known = found.get(key)
                found[key] = (known[0] + sums[0], known[1] + sums[1]) if known else sums
        return found
