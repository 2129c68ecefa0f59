"""Parts of outputs: the scores of one chunk's entries, as a Parquet file with one row an entry."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import DAMAGES, DataError
from lineshape.engine.core.files import replacing
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.feature_store.shards import WRITING, from_arrow

_KEY: Final = b"lineshape"
#: Start of the names of columns of counts, of parts of which no row tells what scores are of.
_COUNTS: Final = "counts of "

#: One value an entry, or one list.
PartColumn = NDArray[Any] | Jagged


@dataclass(frozen=True)
class ScorePart:
    """Scores of a chunk.

    rows: number of objects with scores. collection: column that has the objects, empty where scores are of entries;
    None where there are no rows to tell. may_be: then, the collections that rows would be of, as far as is known, and
    counts: the number of objects in each entry, of each column that has objects. scores: by branch, none where
    `collection` is None. copies: branches of the input.
    """

    rows: int
    collection: str | None
    scores: Mapping[str, PartColumn]
    copies: Mapping[str, PartColumn]
    may_be: tuple[str, ...] = ()
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    def with_collection(self, collection: str, branches: list[str], entries: int) -> "ScorePart":
        """Return the part with scores of NaN, of a collection that other parts tell; itself where it has scores.

        Raises DataError where it does not have the collection.
        """
        if self.collection is not None:
            return self
        if not collection:
            values: PartColumn = np.full(entries, np.nan)
        elif collection in self.counts:
            counts = self.counts[collection]
            values = Jagged.counted(counts, np.full(counts.sum(), np.nan))
        else:
            raise DataError(f"no objects of {collection}, of which the scores of other chunks are")
        return ScorePart(0, collection, dict.fromkeys(branches, values), self.copies)


def write_part(path: Path, part: ScorePart) -> None:
    """Write a part atomically."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, PartColumn] = {
        **part.scores,
        **{_COUNTS + name: counts for name, counts in part.counts.items()},
        **part.copies,
    }
    about = {
        "rows": part.rows,
        "collection": part.collection,
        "may_be": list(part.may_be),
        "counts": list(part.counts),
        "scores": list(part.scores),
        "copies": list(part.copies),
    }
    arrays = [to_arrow(values) for values in columns.values()]
    schema = pa.schema(
        [pa.field(name, array.type) for name, array in zip(columns, arrays, strict=True)],
        metadata={_KEY: json.dumps(about).encode()},
    )
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), temporary, **WRITING)


@dataclass(frozen=True)
class PartInfo:
    """Metadata of a part, see ScorePart."""

    rows: int
    collection: str | None
    may_be: tuple[str, ...]


def read_part_info(path: Path) -> PartInfo:
    """Return the metadata of a part; remove one that was damaged on disk and raise DataError."""
    import pyarrow.parquet as pq

    with _removing_damaged(path):
        about = json.loads(pq.read_schema(path).metadata[_KEY])
        return PartInfo(about["rows"], about["collection"], tuple(about["may_be"]))


def read_part(path: Path) -> ScorePart:
    """Return a part; remove one that was damaged on disk and raise DataError."""
    import pyarrow.parquet as pq

    with _removing_damaged(path):
        table = pq.read_table(path, page_checksum_verification=True)
        about = json.loads(table.schema.metadata[_KEY])
    columns = {name: from_arrow(table.column(name)) for name in table.column_names}
    return ScorePart(
        about["rows"],
        about["collection"],
        {name: columns[name] for name in about["scores"]},
        {name: columns[name] for name in about["copies"]},
        tuple(about["may_be"]),
        {name: np.asarray(columns[_COUNTS + name]) for name in about["counts"]},
    )


@contextmanager
def _removing_damaged(path: Path) -> Iterator[None]:
    try:
        yield
    except (*DAMAGES, OSError) as error:
        # Errors of the disk or the network carry an errno; those of damaged content do not.
        if isinstance(error, OSError) and error.errno:
            raise
        path.unlink(missing_ok=True)
        raise DataError(f"{path} was damaged on disk, and is removed: run the same command again") from error


def to_arrow(values: PartColumn) -> Any:
    """Return a column as an Arrow array."""
    import pyarrow as pa

    if not isinstance(values, Jagged):
        return pa.array(values)
    content = values.content[values.offsets[0] : values.offsets[-1]]
    return pa.ListArray.from_arrays(pa.array((values.offsets - values.offsets[0]).astype(np.int32)), pa.array(content))
