"""NanoEvents of named columns, in virtual mode, over an open file, and helpers to read their columns."""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from lineshape.engine.core.errors import DataError, ProcessorError, listing
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.column_forms import NamedBranches, has_records, require_readable, type_of
from lineshape.engine.input.root_files import find_tree
from lineshape.engine.input.tracing import tracer

if TYPE_CHECKING:
    import awkward as ak
    import numpy as np
    import uproot
    from coffea.nanoevents.methods.base import NanoEvents
    from numpy.typing import NDArray

#: Key of the metadata of events with the digest of the entries that they are.
ENTROPY: Final = "entropy"


class EventReader:
    """Reader of an open file's NanoEvents, chunk by chunk: the study's columns under their names, and no other branch.

    The columns' forms are determined once per file: with 1,500 branches, that takes longer than a chunk.
    forms: Awkward form of each column.
    """

    def __init__(self, file: "uproot.ReadOnlyDirectory", record: FileRecord) -> None:
        self._file = file
        self._tree = find_tree(file, record.path, record.tree)
        self._branches = NamedBranches(self._tree, record.branches)
        self.forms = require_readable(record.path, record.tree, self._branches, record.branches)

    @property
    def of_records(self) -> list[str]:
        """Names of columns that consist of records, such as links."""
        return [column for column, form in self.forms.items() if has_records(form)]

    def type_of(self, column: str) -> str:
        """Return the C++ type of a column's branch."""
        return type_of(self._branches[column])

    def events(self, chunk: Chunk) -> "NanoEvents":
        """Return the events of a chunk of the file, as `NanoEventsFactory.from_root` does, with these columns."""
        from coffea.nanoevents import BaseSchema

        metadata = {"sample": chunk.file.sample, ENTROPY: chunk.entropy}
        form = {"fields": list(self.forms), "contents": list(self.forms.values())}
        schema = BaseSchema(form | {"parameters": {"metadata": metadata}})
        return virtual_events(self._file, self._tree, chunk, schema, self._branches)


def virtual_events(
    file: "uproot.ReadOnlyDirectory", tree: Any, chunk: Chunk, schema: Any, source: Any, **options: Any
) -> "NanoEvents":
    """Return the events of a chunk of an open file, whose buffers are read where they are looked at.

    schema: their form and behaviors. source: the tree, or what stands for it, in which branches are found by their
    names. options: of coffea's mapping.
    """
    from coffea.nanoevents import NanoEventsFactory
    from coffea.nanoevents.mapping import TrivialUprootOpener, UprootSourceMapping
    from coffea.nanoevents.util import tuple_to_key

    key = (str(tree.file.uuid), tree.object_path, f"{chunk.start}-{chunk.stop}")
    opener = TrivialUprootOpener({key[0]: tree.file.file_path}, {})
    common = {"cache": {}, "file_handle": file, "use_ak_forth": True, "virtual": True}
    mapping = UprootSourceMapping(opener, chunk.start, chunk.stop, **common, **options)
    mapping.preload_column_source(key[0], key[1], source)
    return NanoEventsFactory(schema, mapping, tuple_to_key(key), mode="virtual").events()


def generator(events: "NanoEvents", seed: int) -> "np.random.Generator":
    """Return a random generator that depends on the seed and the chunk alone, not on the worker or the order.

    seed: one of the processor's settings, so that another seed makes new shards.
    """
    import numpy as np

    return np.random.default_rng(np.random.SeedSequence([seed, int(events.metadata[ENTROPY], 16)]))


def flat(events: "ak.Array", column: str) -> "tuple[NDArray[Any], NDArray[np.int64] | None]":
    """Return all values of a column, without copying, and their number per event (None where there is one in each).

    A virtual column is read at once. Raises DataError where it is not a number or a list of numbers in each event.
    """
    import awkward as ak
    import numpy as np

    layout = _layout(events, column)
    if isinstance(layout, ak.contents.NumpyArray) and layout.purelist_depth == 1:
        return np.asarray(_read(layout.data)), None
    if isinstance(layout, ak.contents.ListOffsetArray) and isinstance(layout.content, ak.contents.NumpyArray):
        offsets, content = np.asarray(_read(layout.offsets.data)), np.asarray(_read(layout.content.data))
        return content[offsets[0] : offsets[-1]], np.diff(offsets)
    depth = layout.purelist_depth
    if layout.fields:
        raise DataError(
            f"column {column} is of records with the parts {listing(layout.fields)}; expected one value or one list an "
            "event: name the branch of one part in 'branches:'"
        )
    if depth == 1:
        return ak.to_numpy(layout), None
    if depth != 2:
        raise DataError(
            f"column {column} has {depth - 1} levels of lists; expected one value or one list an event: "
            "name its branch in 'branches:'"
        )
    return ak.to_numpy(ak.flatten(layout)), ak.to_numpy(ak.num(layout))


def numbers(events: "ak.Array", column: str) -> "NDArray[Any]":
    """Return all numbers of a column, flattening nested lists (covariances) and records (links), in unspecified order.

    A virtual column is read at once.
    """
    import awkward as ak

    layout = _layout(events, column)
    if layout.purelist_depth <= 2 and not layout.fields:
        return flat(events, column)[0]
    found: NDArray[Any] = ak.to_numpy(ak.flatten(ak.Array(layout), axis=None))
    return found


def _layout(events: "ak.Array", column: str) -> Any:
    """Return the layout of a column, as an ak.Array for each column would cost more than reading it."""
    return events.layout.content(column) if events.layout.is_record else events[column].layout


def per_object_lists(events: "ak.Array", columns: Sequence[str], counts: str) -> dict[str, Jagged]:
    """Return a list per object for every column, which holds the lists of an event's objects one after the other.

    counts: the column with the length of each object's list.

    Raises DataError where a column's number of values in an event differs from the sum of `counts`.
    """
    import numpy as np

    each, objects = flat(events, counts)
    if objects is None:
        raise DataError(f"column {counts} has one value an event; expected one for each object")
    offsets = np.concatenate([[0], np.cumsum(each, dtype=np.int64)])
    expected = np.diff(offsets[np.concatenate([[0], np.cumsum(objects)])])
    found = {}
    for name in columns:
        values, own = flat(events, name)
        if own is None or not np.array_equal(own, expected):
            raise DataError(
                f"column {name} has not as many values an event as column {counts} adds up to: "
                "name its branch in 'branches:'"
            )
        found[name] = Jagged(offsets, values)
    return found


def _read(buffer: Any) -> Any:
    """Return a buffer's numbers, reading a virtual one."""
    return buffer.materialize() if hasattr(buffer, "materialize") else buffer


def per_object(events: "NanoEvents", like: str) -> "dict[str, NDArray[Any]]":
    """Return one value per object for every column: jagged ones flattened, per-event ones repeated for each object.

    like: a column that has one value per object.

    Raises DataError where it has one per event, or where another column has a different number of values.
    """
    import numpy as np

    _, counts = flat(events, like)
    if counts is None:
        raise DataError(
            f"column {like} has one value an event; expected one for each object: name its branch in 'branches:'"
        )
    found, lists = {}, {}
    for name in events.fields:
        values, own = flat(events, name)
        if own is not None and not np.array_equal(own, counts):
            raise DataError(
                f"column {name} has not as many values an event as column {like}: name its branch in 'branches:'"
            )
        found[name] = np.repeat(values, counts) if own is None else values
        if own is not None and name != "event":
            lists[name] = (values, own)
    if (traced := tracer()) and "event" in found:
        lists = {like: lists[like], **lists}  # which most often is as the file has it
        codes = found["event"].astype(np.int64) + traced.mark(flat(events, "event")[0], lists)
        found["event"] = codes.astype(found["event"].dtype)
    return found


def with_column(events: "NanoEvents", name: str, values: "NDArray[Any]") -> "NanoEvents":
    """Return the events with other numbers, one an event, in a column that has one number, or a list of one, in each.

    All other columns are those of the events, not copied.
    """
    import awkward as ak
    import numpy as np

    layout = events.layout if events.layout.is_record else events.layout.to_packed()
    column = ak.contents.NumpyArray(values)
    if layout.content(name).purelist_depth > 1:
        offsets = ak.index.Index64(np.arange(len(values) + 1))
        column = ak.contents.ListOffsetArray(offsets, column)
    contents = [column if field == name else layout.content(field) for field in layout.fields]
    changed = ak.contents.RecordArray(contents, layout.fields, layout.length, parameters=layout.parameters)
    return ak.Array(changed, behavior=events.behavior, attrs=events.attrs)


def only_columns(events: "NanoEvents", names: Container[str]) -> "NanoEvents":
    """Return the events with some of their columns, with the metadata that they have."""
    import awkward as ak

    layout = events.layout if events.layout.is_record else events.layout.to_packed()
    kept = [field for field in layout.fields if field in names]
    contents = [layout.content(field) for field in kept]
    record = ak.contents.RecordArray(contents, kept, layout.length, parameters=layout.parameters)
    return ak.Array(record, behavior=events.behavior, attrs=events.attrs)


def with_columns(events: "NanoEvents", columns: Mapping[str, Any]) -> "NanoEvents":
    """Return the events with other values in columns, as awkward arrays, or with columns more; others are not copied.

    columns: by name; Jet.pt is the field pt of Jet, where no column has that name.
    """
    import awkward as ak

    known = ak.fields(events)
    plain = {name: values for name, values in columns.items() if name in known or "." not in name}
    for name in columns.keys() - plain.keys():
        events = ak.with_field(events, columns[name], name.split("."))
    if not plain:
        return events
    layout = events.layout if events.layout.is_record else events.layout.to_packed()
    changed = {name: ak.to_layout(values) for name, values in plain.items()}
    for name, content in changed.items():
        if content.length != layout.length:
            raise ProcessorError(
                f"column {name} was given {content.length:,} values for {layout.length:,} events: expected one each"
            )
    contents = [changed[field] if field in changed else layout.content(field) for field in layout.fields]
    more = [name for name in changed if name not in layout.fields]
    record = ak.contents.RecordArray(
        [*contents, *(changed[name] for name in more)],
        [*layout.fields, *more],
        layout.length,
        parameters=layout.parameters,
    )
    return ak.Array(record, behavior=events.behavior, attrs=events.attrs)
