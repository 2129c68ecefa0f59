"""Read columns of a shard, with the columns of classes among them, which are in no file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lineshape.engine.core.class_column import ClassColumn
from lineshape.engine.feature_store.shards import Table, read_columns


def read_table(path: Path, sample: str, columns: Sequence[str], classes: Mapping[str, ClassColumn]) -> Table:
    """Return columns of a shard of a sample; see `read_columns` for their form and the errors it raises.

    classes: columns of classes, by name.
    """
    own = [name for name in dict.fromkeys(columns) if name in classes]
    if not own:
        return read_columns(path, columns)
    needed = [name for name in columns if name not in classes]
    needed += [name for each in own for name in classes[each].columns]
    table = read_columns(path, list(dict.fromkeys(needed)) or ["event"])
    rows = len(next(iter(table.values())))
    numbers = {name: classes[name].of(sample, table, rows) for name in own}
    return {name: numbers[name] if name in numbers else table[name] for name in columns}
