"""Count the rows that models would be trained on, reading each shard once, however many models there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lineshape.engine.core.digests import digest
from lineshape.engine.core.split import SplitName
from lineshape.engine.feature_store.shards import read_columns
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset

#: Number of rows of each split, by the name of the data set.
Counts = dict[str, dict[SplitName, int]]
#: Number of rows at which a group of shards, which one task counts, is complete.
_ROWS = 1_000_000


@dataclass(frozen=True)
class Counting:
    """Task on a worker that counts the rows of some shards for several trainings with different targets or choices."""

    datasets: Mapping[str, Dataset]

    @classmethod
    def of(cls, datasets: Mapping[str, Dataset]) -> tuple["Counting", dict[str, str]]:
        """Return the task, in which trainings with the same rows share an entry, and the entry's name by training."""
        names = {name: digest(data.target.model_dump(), data.choice.model_dump()) for name, data in datasets.items()}
        bare = {names[name]: replace(data, features=(), weight=None) for name, data in datasets.items()}
        return cls(bare), names

    def __call__(self, shards: tuple[Shard, ...]) -> Counts:
        """Return the number of rows of each split in these shards."""
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
    """Yield the shards in groups of about a million rows."""
    group: list[Shard] = []
    for shard in store.shards:
        group.append(shard)
        if sum(each.rows for each in group) >= _ROWS:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)
