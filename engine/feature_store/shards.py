"""Write shards of columns as Parquet files and read them back."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hist
import numpy as np
import uhi.io.json
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import DataError, ProcessorError
from lineshape.engine.core.files import replacing
from lineshape.engine.core.histograms import Serialiser
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.feature_store.event_numbers import exact

if TYPE_CHECKING:
    import awkward as ak

ROW_GROUP = 100_000
_KEY = b"lineshape"
WRITING: dict[str, Any] = {
    "compression": "zstd",
    "row_group_size": ROW_GROUP,
    "write_page_checksum": True,
    "version": "2.6",
    # Values that seldom repeat gain nothing from a dictionary: without it, files are smaller and written twice as fast.
    "use_dictionary": False,
}

_serialise = Serialiser()

#: Columns of one shard by name: arrays of numbers, or Jagged where each row has a list.
Table = dict[str, Any]


@dataclass(frozen=True)
class ShardInfo:
    """Metadata of a shard: its chunk, number of rows, cut flow and control histograms.

    dropped: entries of the chunk that were left out because they hold NaN or infinite values. events: the smallest
    hashes of its event numbers, from `sample_of`.
    """

    chunk: dict[str, Any]
    rows: int
    cut_flow: dict[str, int]
    histograms: dict[str, hist.Hist[Any]]
    dropped: int = 0
    events: Sequence[float] = ()


def shard_path(folder: Path, sample: str, identity: str) -> Path:
    """Return the path of a shard in a feature store."""
    return folder / sample / f"{identity}.parquet"


def identities_in(folder: Path, sample: str) -> set[str]:
    """Return the identities of a sample's existing shards, made by any processor."""
    try:
        with os.scandir(folder / sample) as entries:
            return {entry.name[:-8] for entry in entries if entry.name.endswith(".parquet") and entry.name[0] != "."}
    except FileNotFoundError:
        return set()


def write_shard(
    path: Path,
    columns: "Mapping[str, ak.Array]",
    column_metadata: Mapping[str, Column],
    info: ShardInfo,
) -> None:
    """Write a shard atomically: columns as float32, `event` as uint64, everything else in the Parquet metadata.

    Raises DataError where `event` does not hold event numbers, see `exact`.
    """
    import awkward as ak
    import pyarrow as pa
    import pyarrow.parquet as pq

    if "event" in columns:
        columns = {**columns, "event": ak.Array(exact(ak.to_numpy(columns["event"]), "column event"))}
    arrays, fields = [], []
    for name, values in columns.items():
        array = _to_arrow(name, values)
        metadata = column_metadata.get(name)
        described = {b"unit": metadata.unit.encode(), b"label": metadata.label.encode()} if metadata else None
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=described))
    about = {
        "chunk": info.chunk,
        "rows": info.rows,
        "cut_flow": info.cut_flow,
        "dropped": info.dropped,
        "events": list(info.events),
        "histograms": {name: _serialise(name, histogram) for name, histogram in info.histograms.items()},
    }
    schema = pa.schema(fields, metadata={_KEY: json.dumps(about).encode()})
    table: pa.Table = pa.Table.from_arrays(arrays, schema=schema)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, **WRITING)


def _to_arrow(name: str, values: "ak.Array") -> Any:
    """Return a column as an Arrow array; raise ProcessorError where it cannot hold the values, see `_narrowed`."""
    import awkward as ak
    import pyarrow as pa

    if values.ndim == 1:
        return pa.array(_narrowed(name, ak.to_numpy(values, allow_missing=False)))
    _narrowed(name, ak.to_numpy(ak.flatten(values, axis=None)))
    return ak.to_arrow(ak.values_astype(values, np.float32), extensionarray=False, list_to32=True)


def _narrowed(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return the values as float32, which all columns but `event` are stored as; event numbers are left alone.

    Raises ProcessorError where whole numbers would become others, or large ones infinite.
    """
    if name == "event":
        return values
    try:
        with np.errstate(over="raise"):
            narrowed = values.astype(np.float32, copy=False)
    except FloatingPointError as error:
        raise ProcessorError(
            f"column {name}: holds values beyond 3.4e38, which become infinite as float32, in which columns are "
            "stored: expected smaller ones; change its unit in the processor"
        ) from error
    if values.dtype.kind in "iu" and values.itemsize > 2 and (wrong := np.flatnonzero(narrowed != values)).size:
        raise ProcessorError(
            f"column {name}: holds whole numbers such as {values[wrong[0]]:,}, and columns are stored as float32, "
            "exact up to 16,777,216 alone: expected smaller ones; subtract an offset, or split it into two columns"
        )
    return narrowed


def as_stored(name: str, values: "ak.Array") -> Any:
    """Return a column as it is read back from a shard: an array of float32, or Jagged where each row has a list.

    Raises ProcessorError where it cannot hold the values.
    """
    import awkward as ak

    if values.ndim == 1:
        return _narrowed(name, ak.to_numpy(values, allow_missing=False))
    lists = Jagged.of(values)
    return Jagged(lists.offsets, _narrowed(name, lists.content))


def read_info(path: Path) -> ShardInfo:
    """Return the metadata of a shard, without reading its rows."""
    import pyarrow.parquet as pq

    about = json.loads(pq.read_schema(path).metadata[_KEY], object_hook=uhi.io.json.object_hook)
    histograms = {name: hist.Hist(value) for name, value in about["histograms"].items()}
    return ShardInfo(about["chunk"], about["rows"], about["cut_flow"], histograms, about["dropped"], about["events"])


def read_columns(path: Path, columns: Sequence[str]) -> Table:
    """Return columns of a shard as NumPy arrays, and as Jagged where each row has a list.

    Raises DataError where the shard is missing or was damaged on disk; a damaged one is removed, so that processing
    recreates it.
    """
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(columns), page_checksum_verification=True)
    except FileNotFoundError as error:
        raise DataError(f"shard {path} is not there: run 'lineshape process' again, which makes it anew") from error
    except (ValueError, OSError) as error:
        # Errors of the disk or the network carry an errno; those of damaged content do not.
        if isinstance(error, OSError) and error.errno:
            raise
        if missing := _missing(path, columns):
            raise DataError(
                f"shard {path} has no column {', '.join(missing)}: its file has not what is needed for it, or settings "
                "of the processor leave it out; name a branch in 'branches:', or do without it"
            ) from error
        raise _removed(path, error) from error
    return {name: from_arrow(table.column(name)) for name in columns}


def _removed(path: Path, error: Exception) -> DataError:
    """Remove a shard that was damaged on disk, and return the error that reports it."""
    path.unlink(missing_ok=True)
    return DataError(
        f"shard {path} was damaged on disk, and is removed: run 'lineshape process' again, which makes it anew "
        f"({str(error).splitlines()[0]})"
    )


def columns_in(path: Path) -> set[str]:
    """Return the names of a shard's columns; where it was damaged on disk, remove it and raise DataError."""
    import pyarrow.parquet as pq

    try:
        return set(pq.read_schema(path).names)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise _removed(path, error) from error


def _missing(path: Path, columns: Sequence[str]) -> list[str]:
    """Return the columns that a shard lacks; none where its schema cannot be read."""
    import pyarrow.parquet as pq

    try:
        found = set(pq.read_schema(path).names)
    except (ValueError, OSError):
        return []
    return [name for name in columns if name not in found]


def from_arrow(column: Any) -> Any:
    """Return a column of an Arrow table as a NumPy array, or as Jagged where each row has a list."""
    import pyarrow as pa

    if not pa.types.is_list(column.type):
        return column.to_numpy()
    lists = column.combine_chunks()
    counts = lists.value_lengths().to_numpy(zero_copy_only=False)
    return Jagged.counted(counts, lists.flatten().to_numpy(zero_copy_only=False))
