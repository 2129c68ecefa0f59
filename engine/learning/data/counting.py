"""Counting the rows that models would be trained on: each shard is read once, however many models there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lineshape.engine.core.digests import digest
from lineshape.engine.core.split import SplitName
from lineshape.engine.feature_store.shards import FeatureStore, Shard, read_columns
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset

#: Rows of each split, by what they were counted for.
Counts = dict[str, dict[SplitName, int]]
#: Rows of the shards that one task counts.
_ROWS = 1_000_000


@dataclass(frozen=True)
class Counting:
    """On a worker: counts the rows of some shards for several trainings, that differ in target or choice."""

    datasets: Mapping[str, Dataset]

    @classmethod
    def of(cls, datasets: Mapping[str, Dataset]) -> tuple["Counting", dict[str, str]]:
        """What is to be counted, once where several trainings have the same rows; and under which name for each."""
        names = {name: digest(data.target.model_dump(), data.choice.model_dump()) for name, data in datasets.items()}
        bare = {names[name]: replace(data, features=(), weight=None) for name, data in datasets.items()}
        return cls(bare), names

    def __call__(self, shards: tuple[Shard, ...]) -> Counts:
        """Count."""
        total: Counts = {name: dict.fromkeys(SPLITS, 0) for name in self.datasets}
        for shard in shards:
            asked = {name: data for name, data in self.datasets.items() if data.takes(shard)}
            if not asked:
                continue
            columns = list(dict.fromkeys(column for data in asked.values() for column in data.deciding))
            table = read_columns(next(iter(asked.values())).store / shard.path, columns)
            for name, data in asked.items():
                for split, rows in data.rows_of(shard, table).items():
                    if split in SPLITS:
                        total[name][split] += int(rows.sum())
        return total


def groups(store: FeatureStore) -> Iterator[tuple[Shard, ...]]:
    """The shards, in groups of some million rows."""
    group: list[Shard] = []
    for shard in store.shards:
        group.append(shard)
        if sum(each.rows for each in group) >= _ROWS:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
