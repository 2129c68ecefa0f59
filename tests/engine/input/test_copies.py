"""Copies are counted once a sample; files that only have a UUID in common are other files."""

from dataclasses import replace

from lineshape.engine.input.catalogue import FileRecord
from lineshape.engine.input.copies import notes_on, without_copies


def record(path: str = "a.root", content: str = "0badf00d" * 4, sample: str = "s", **changes: object) -> FileRecord:
    return replace(FileRecord(sample, path, "tree", "u", 10, 100, {"pt": "pt"}, 0.0, content), **changes)  # type: ignore[arg-type]


def test_a_copy_is_counted_once_and_named() -> None:
    kept, copies = without_copies([record("b.root"), record("a.root"), record("c.root", uuid="v")])
    assert [item.path for item in kept] == ["a.root", "c.root"]
    assert [(again.path, first.path) for again, first in copies] == [("b.root", "a.root")]
    assert notes_on(kept, copies) == ["b.root is a.root once more (UUID u); counted once"]


def test_of_two_copies_the_whole_one_is_kept() -> None:
    cut = record("a.root", "0badf00d" * 3 + "-" * 8, size=40)
    kept, copies = without_copies([cut, record("b.root")])
    assert [item.path for item in kept] == ["b.root"]
    assert copies == [(cut, record("b.root"))]


def test_files_that_have_the_uuid_alone_in_common_are_all_kept_and_said() -> None:
    files = [
        record("a.root"),
        record("b.root", "0badf00d" * 3 + "deadbeef"),
        record("c.root", "0badf00d" * 2 + "deadbeef" + "-" * 8, size=40),
        record("d.root", entries=11),
        record("e.root", "0badf00d" * 5, size=120),
        record("f.root", "cafecafe" * 4, sample="other"),
    ]
    kept, copies = without_copies(files)
    assert kept == sorted(files, key=lambda file: (file.sample, file.path))
    assert not copies
    (note,) = notes_on(kept, copies)
    assert note.startswith("6 files have the UUID u and are not the same, such as ")


def test_one_file_may_hold_the_trees_of_two_samples() -> None:
    kept, copies = without_copies([record("a.root"), record("a.root", sample="t", tree="other")])
    assert len(kept) == 2
    assert not copies


def test_one_file_may_be_of_two_samples_and_is_counted_once_in_each() -> None:
    files = [record(path, sample=sample) for sample in ("nominal", "up") for path in ("a.root", "copy.root")]
    kept, copies = without_copies(files)
    assert [(item.sample, item.path) for item in kept] == [("nominal", "a.root"), ("up", "a.root")]
    assert len(copies) == 2
    assert notes_on(kept, [])[0] == (
        "1 file is in more than one sample, such as a.root in nominal and up: counted in each"
    )
