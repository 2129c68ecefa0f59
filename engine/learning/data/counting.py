"""Count the rows that models would be trained on, reading each shard once, however many models there are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lineshape.engine.core.class_column import ClassColumn
from lineshape.engine.core.digests import digest
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.feature_store.tables import read_table
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset

#: Number of rows of each split, and of each class in TRAINED_BY (`class_key`), by the name of the data set.
Counts = dict[str, dict[str, int]]
#: Splits that a training sees: each must have rows of all classes.
TRAINED_BY: Final = ("training", "validation")
#: Number of rows at which a group of shards, which one task counts, is complete.
_ROWS = 1_000_000


@dataclass(frozen=True)
class Counting:
    """Task on a worker that counts the rows of some shards for several trainings with different targets or choices."""

    datasets: Mapping[str, Dataset]
    classes: Mapping[str, ClassColumn] = field(default_factory=dict)

    @classmethod
    def of(
        cls, datasets: Mapping[str, Dataset], classes: Mapping[str, ClassColumn] | None = None
    ) -> tuple["Counting", dict[str, str]]:
        """Return the task, in which trainings with the same rows share an entry, and the entry's name by training."""
        names = {
            name: digest(data.target.model_dump(), data.choice.model_dump(), data.split.model_dump())
            for name, data in datasets.items()
        }
        bare = {names[name]: replace(data, features=(), weight=None) for name, data in datasets.items()}
        return cls(bare, classes or {}), names

    def __call__(self, shards: tuple[Shard, ...]) -> Counts:
        """Return the number of rows of each split in these shards."""
        total: Counts = {name: dict.fromkeys(SPLITS, 0) for name in self.datasets}
        for name, data in self.datasets.items():
            numbers = range(len(self._classes(data)))
            total[name] |= {class_key(split, number): 0 for split in TRAINED_BY for number in numbers}
        for shard in shards:
            asked = {name: data for name, data in self.datasets.items() if data.takes(shard)}
            if not asked:
                continue
            columns = list(dict.fromkeys(column for data in asked.values() for column in data.deciding))
            table = read_table(next(iter(asked.values())).store / shard.path, shard.sample, columns, self.classes)
            for name, data in asked.items():
                for split, rows in data.rows_of(shard, table).items():
                    if split in SPLITS:
                        total[name][split] += int(rows.sum())
                    if split in TRAINED_BY:
                        for number in range(len(self._classes(data))):
                            own = table[data.target.truths[0]][rows] == number
                            total[name][class_key(split, number)] += int(own.sum())
        return total

    def _classes(self, data: Dataset) -> list[str]:
        """Return the classes of a target that is a column of classes; none of any other."""
        (truth, *others) = data.target.truths
        return [*self.classes[truth].parts] if truth in self.classes and not others else []


def class_key(split: str, number: int) -> str:
    """Return the key of the count of a class in a split."""
    return f"{split} class {number}"


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
