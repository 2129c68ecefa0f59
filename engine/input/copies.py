"""Copies of files: none is counted twice within a sample, and none is taken for another. No I/O here."""

from collections.abc import Iterable, Sequence

from lineshape.engine.input.catalogue import FileRecord
from lineshape.engine.input.content import BLOCK_DIGITS, same_as_far_as_both_go

#: A file, and the one of its sample that was kept in its place.
Copies = Sequence[tuple[FileRecord, FileRecord]]


def is_copy(file: FileRecord, other: FileRecord) -> bool:
    """Whether two files are the same, as far as the shorter one goes: one UUID alone does not make them so."""
    return _alike(file) == _alike(other) and same_as_far_as_both_go(file.content, other.content)


def _alike(file: FileRecord) -> tuple[object, ...]:
    """What copies have in common, the beginning of their content with it: thousands of files may have one UUID."""
    return file.uuid, file.entries, file.content[:BLOCK_DIGITS]


def without_copies(files: Iterable[FileRecord]) -> tuple[list[FileRecord], Copies]:
    """Return files by sample and path, each once a sample; and pairs of a copy and the one of its sample that was kept.

    Of copies the largest is kept, as a smaller one is cut short.
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
    """Return what is to be said: of copies, of other files of the same UUID, and of files in several samples."""
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
