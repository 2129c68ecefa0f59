"""Files and chunks."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.catalogue import FileRecord, chunks_of, expand, without_repeats
from lineshape.engine.errors import RequestError


def record(path: str = "a.root", uuid: str = "u", entries: int = 10, size: int = 100) -> FileRecord:
    return FileRecord("s", path, "tree", uuid, entries, size, {"pt": "pt"})


@given(entries=st.integers(1, 10**7), size=st.integers(1, 10**6))
def test_chunks_cover_every_entry_once(entries: int, size: int) -> None:
    if entries / size > 2000:
        return
    chunks = chunks_of(record(entries=entries), size)
    assert chunks[0].start == 0
    assert chunks[-1].stop == entries
    assert all(first.stop == second.start for first, second in pairwise(chunks))
    assert max(chunk.stop - chunk.start for chunk in chunks) <= size
    assert min(chunk.stop - chunk.start for chunk in chunks) > 0


def test_identity_is_of_the_content_not_of_the_path() -> None:
    chunk = chunks_of(record(), 100)[0]
    assert chunk.identity("p") == chunks_of(record(path="moved/a.root"), 100)[0].identity("p")
    for other in (record(uuid="v"), record(entries=11)):
        assert chunk.identity("p") != chunks_of(other, 100)[0].identity("p")
    assert chunk.identity("p") != chunk.identity("another processor")


def test_expand(tmp_path: Path) -> None:
    for name in ("b.root", "a.root", "c.txt"):
        (tmp_path / name).touch()
    both = [str(tmp_path / "a.root"), str(tmp_path / "b.root")]
    assert expand([str(tmp_path / "*.root")]) == both
    assert expand([str(tmp_path)]) == both
    assert expand([both[1], str(tmp_path)]) == [both[1], both[0]]
    assert expand(["root://server//file.root"]) == ["root://server//file.root"]
    with pytest.raises(RequestError, match="no file matches"):
        expand([str(tmp_path / "*.parquet")])


def test_a_repeat_is_named() -> None:
    kept, repeats = without_repeats([record("b.root"), record("a.root"), record("c.root", uuid="v")])
    assert [item.path for item in kept] == ["a.root", "c.root"]
    assert [(again.path, first.path) for again, first in repeats] == [("b.root", "a.root")]


def test_of_two_copies_the_whole_one_is_kept() -> None:
    kept, _ = without_repeats([record("a.root", size=40), record("b.root", size=100)])
    assert [item.path for item in kept] == ["b.root"]
