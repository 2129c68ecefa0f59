"""Read columns of a shard, with those among them that are computed from others, and are in no file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.feature_store.shards import Table, read_columns


class Computed(Protocol):
    """A column that is computed when rows are read, such as the number of a class."""

    def reads(self, sample: str) -> list[str]:
        """Return the columns that it is computed from in a sample."""
        ...

    def metadata(self, name: str) -> Column:
        """Return the column's metadata, as processors declare theirs."""
        ...

    def of(self, sample: str, columns: Mapping[str, NDArray[Any]], rows: int) -> NDArray[np.floating[Any]]:
        """Return the values of a sample's rows, (rows,); raise DataError where there are none."""
        ...


def read_table(path: Path, sample: str, columns: Sequence[str], computed: Mapping[str, Computed]) -> Table:
    """Return columns of a shard of a sample; see `read_columns` for their form and the errors it raises.

    computed: columns that are in no file, by name. One may be computed from another.
    """
    own = [name for name in dict.fromkeys(columns) if name in computed]
    if not own:
        return read_columns(path, columns)
    needed = [name for name in columns if name not in computed]
    needed += [name for each in own for name in computed[each].reads(sample)]
    table = read_table(path, sample, list(dict.fromkeys(needed)) or ["event"], computed)
    rows = len(next(iter(table.values())))
    values = {name: computed[name].of(sample, table, rows) for name in own}
    return {name: values[name] if name in values else table[name] for name in columns}
