"""Detect copies of files, without I/O: none is counted twice within a sample, and no other file is taken for one."""

from collections.abc import Iterable, Sequence

from lineshape.engine.input.catalogue import FileRecord
from lineshape.engine.input.content import BLOCK_DIGITS, same_as_far_as_both_go

#: Pairs of a copy and the file of its sample that is used in its place.
Copies = Sequence[tuple[FileRecord, FileRecord]]


def is_copy(file: FileRecord, other: FileRecord) -> bool:
    """Return whether two files have the same content, as far as the shorter one goes; a common UUID is not enough."""
    return _alike(file) == _alike(other) and same_as_far_as_both_go(file.content, other.content)


def _alike(file: FileRecord) -> tuple[object, ...]:
    """Return what copies have in common, with the first block's checksum, as thousands of files may share a UUID."""
    return file.uuid, file.entries, file.content[:BLOCK_DIGITS]


def without_copies(files: Iterable[FileRecord]) -> tuple[list[FileRecord], Copies]:
    """Return files sorted by sample and path, each once per sample; and pairs of a copy and the file used in its place.

    Of several copies the largest is used, as smaller ones are truncated.
    """
    kept: dict[object, list[FileRecord]] = {}
    copies = []
    for file in sorted(files, key=lambda file: (-file.size, file.sample, file.path)):
        others = kept.setdefault((file.sample, file.tree, *_alike(file)), [])
        first = next((other for other in others if is_copy(file, other)), None)
        if first is None:
            others.append(file)
        else:
            copies.append((file, first))
    found = [file for some in kept.values() for file in some]
    return sorted(found, key=lambda file: (file.sample, file.path)), copies


def notes_on(kept: Iterable[FileRecord], copies: Copies) -> list[str]:
    """Return notes on copies, on different files with the same UUID, and on files in several samples."""
    notes = [f"{again.path} is {first.path} once more (UUID {again.uuid}); counted once" for again, first in copies]
    different: dict[str, dict[object, list[FileRecord]]] = {}
    shared: list[tuple[FileRecord, FileRecord]] = []
    for file in kept:
        others = different.setdefault(file.uuid, {}).setdefault(_alike(file), [])
        first = next((other for other in others if is_copy(file, other)), None)
        if first is None:
            others.append(file)
        elif first.sample != file.sample:
            shared.append((first, file))
    for uuid, groups in different.items():
        files = [file for others in groups.values() for file in others]
        if len(files) > 1:
            notes.append(
                f"{len(files)} files have the UUID {uuid} and are not the same, such as {files[0].path} and "
                f"{files[1].path}: all are counted. Where one is an earlier state of another, leave it out"
            )
    if shared:
        first, file = shared[0]
        notes.append(
            f"{len(shared)} {'files are' if len(shared) > 1 else 'file is'} in more than one sample, such as "
            f"{file.path} in {first.sample} and {file.sample}: counted in each"
        )
    return notes
