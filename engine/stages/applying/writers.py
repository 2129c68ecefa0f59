"""Write outputs as TTree, RNTuple or Parquet, and read what they say about themselves."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lineshape.engine.core.errors import DAMAGES
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.feature_store.shards import WRITING
from lineshape.engine.stages.applying.parts import PartColumn, to_arrow
from lineshape.engine.stages.applying.plan import OutputFormat

#: Name of the text in a ROOT file, and key of the metadata of a Parquet file, that say what an output is.
ABOUT: Final = "lineshape"
#: Name of the branch that counts the objects of an entry in a TTree, and of the records that it counts.
COUNTER: Final = "n_objects"
_RECORDS: Final = "objects"


@dataclass(frozen=True)
class FileContent:
    """Content of an output.

    tree: its name. tables: columns of consecutive entries, at least one, which may have no entries. scores: columns
    that share one number of objects an entry. units: by column. about: what the output is.
    """

    tree: str
    tables: Iterable[Mapping[str, PartColumn]]
    scores: Sequence[str]
    units: Mapping[str, str]
    about: Mapping[str, Any]


def write(output_format: OutputFormat, path: Path, content: FileContent) -> None:
    """Write an output; `path` is not replaced atomically."""
    {"ttree": _write_ttree, "rntuple": _write_rntuple, "parquet": _write_parquet}[output_format](path, content)


def _write_ttree(path: Path, content: FileContent) -> None:
    import awkward as ak
    import uproot

    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        tree = None
        for table in content.tables:
            branches = _with_one_counter(table, content.scores)
            if tree is None:
                types = {name: ak.type(values).content for name, values in branches.items()}
                tree = file.mktree(
                    content.tree,
                    types,
                    title=_title(content.units),
                    field_name=lambda _, inner: inner,
                    counter_name=lambda name: COUNTER if name == _RECORDS else f"n{name}",
                )
            if len(next(iter(table.values()))):
                tree.extend(branches)
        file[ABOUT] = json.dumps(content.about)


def _with_one_counter(table: Mapping[str, PartColumn], scores: Sequence[str]) -> dict[str, Any]:
    """Return columns as uproot writes them: lists of scores as one list of records, which has one counter."""
    import awkward as ak

    lists = {name: table[name] for name in scores if isinstance(table[name], Jagged)}
    found: dict[str, Any] = {name: _awkward(values) for name, values in table.items() if name not in lists}
    if not lists:
        return found
    return {_RECORDS: ak.zip({name: _awkward(values) for name, values in lists.items()}), **found}


def _title(units: Mapping[str, str]) -> str:
    """Return a tree's title, as uproot writes none of branches: each column with its unit."""
    return ", ".join(f"{name} [{unit}]" for name, unit in units.items() if unit)


def _write_rntuple(path: Path, content: FileContent) -> None:
    import awkward as ak
    import uproot

    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        tree = None
        for table in content.tables:
            # Names of fields may hold no dots; as elsewhere, colons take their place.
            fields = {name.replace(".", ":"): _awkward(values) for name, values in table.items()}
            if tree is None:
                types = {name: ak.type(values).content for name, values in fields.items()}
                tree = file.mkrntuple(content.tree, types, description=_title(content.units))
            if len(next(iter(table.values()))):
                tree.extend(ak.zip(fields, depth_limit=1))
        file[ABOUT] = json.dumps(content.about)


def _write_parquet(path: Path, content: FileContent) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        for table in content.tables:
            arrays = {name: to_arrow(values) for name, values in table.items()}
            if writer is None:
                units = {name: {b"unit": content.units.get(name, "").encode()} for name in arrays}
                fields = [pa.field(name, array.type, metadata=units[name]) for name, array in arrays.items()]
                schema = pa.schema(fields, metadata={ABOUT.encode(): json.dumps(content.about).encode()})
                options = {name: value for name, value in WRITING.items() if name != "row_group_size"}
                writer = pq.ParquetWriter(path, schema, **options)
            writer.write_table(pa.Table.from_arrays([*arrays.values()], schema=schema), WRITING["row_group_size"])
    finally:
        if writer is not None:
            writer.close()


def _awkward(values: PartColumn) -> Any:
    import awkward as ak

    return values.to_awkward() if isinstance(values, Jagged) else ak.Array(values)


def read_about(output_format: OutputFormat, path: Path) -> tuple[dict[str, Any], int] | None:
    """Return what an output says about itself, and its number of entries; None where it is no output, or damaged."""
    try:
        return _of_parquet(path) if output_format == "parquet" else _of_root(path)
    except (*DAMAGES, OSError):
        return None


def _of_root(path: Path) -> tuple[dict[str, Any], int]:
    import uproot

    with uproot.open({str(path): None}) as file:
        about = json.loads(str(file[ABOUT]))
        return about, int(file[about["tree"]].num_entries)


def _of_parquet(path: Path) -> tuple[dict[str, Any], int]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    return json.loads(metadata.metadata[ABOUT.encode()]), int(metadata.num_rows)
