"""Discovery: inspect what a file contains, and whether everything wanted from it can be read."""

from typing import Any

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.catalogue import Chunk, FileRecord, FileRequest
from lineshape.engine.input.content import content_of
from lineshape.engine.input.events import EventReader, numbers
from lineshape.engine.input.generated_sum import GENERATED
from lineshape.engine.input.root_files import entry_bytes, find_branches, find_store, may_pass, open_file, verify


def inspect_file(request: FileRequest) -> FileRecord:
    """Open a file, find the tree and the branches, and verify its checksum where one was given.

    Raises DataError where the file is not ROOT, has no such tree, lacks a branch, has one that cannot be read, or has
    another checksum, or lacks the sum of generated weights that is asked for. A tree without entries is accepted,
    whatever branches it has.
    """
    path = request.source.path
    with may_pass(path), open_file(path) as file:
        if request.source.adler32:
            verify(request.source)
        tree, name = find_store(file, path, request.tree)
        branches = find_branches(tree, path, request.branches) if tree.num_entries else {}
        record = FileRecord(
            request.sample,
            path,
            name,
            str(file.file.uuid),
            int(tree.num_entries),
            int(file.file.source.num_bytes),
            branches,
            entry_bytes(tree, filter(None, branches.values())) if branches else 0.0,
            content_of(file),
            _generated(request, file, int(tree.num_entries)),
        )
        if record.entries:
            reader = EventReader(file, record)
            _require_values(reader, record)
            _require_event_numbers(reader, record)
        return record


def _generated(request: FileRequest, file: Any, entries: int) -> float | None:
    """Return the file's sum of generated weights, None where it is not asked for."""
    if request.generated is None:
        return None
    return GENERATED.build(request.generated, ("weight", "generated")).checked(file, request.source.path, entries)


def _require_values(reader: EventReader, record: FileRecord) -> None:
    """Raise DataError where a column of records, such as links, cannot be read as numbers from the first entry.

    For records the form alone does not decide that; for all other columns it does.
    """
    events = reader.events(Chunk(record, 0, 1))
    for column in reader.of_records:
        try:
            numbers(events, column)
        except (OSError, MemoryError):
            raise
        except Exception as error:
            raise DataError(
                f"{record.path}: branch {record.branches[column]} is of type {reader.type_of(column)}, from which no "
                f"numbers can be read for column {column}; expected a number, or lists of numbers, for each entry: "
                "name another branch under 'branches:' in the job file"
            ) from error


def _require_event_numbers(reader: EventReader, record: FileRecord) -> None:
    """Raise DataError where the type of column `event` cannot hold event numbers; the values are checked later."""
    if "event" not in reader.forms:
        return
    form = reader.forms["event"]
    if form["class"] == "ListOffsetArray":
        form = form["content"]  # a list with one number in each event, as Delphes has
    found = form["primitive"] if form["class"] == "NumpyArray" and not form.get("inner_shape") else "no single number"
    if not found.startswith(("int", "uint", "float")):
        raise DataError(
            f"{record.path}: branch {record.branches['event']} is of type {reader.type_of('event')}; expected one "
            "whole number an entry (best ULong64_t) for column event: name another branch for it under 'branches:' "
            "in the job file"
        )
