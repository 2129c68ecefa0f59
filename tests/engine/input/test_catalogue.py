"""Files and chunks."""

import json
import os
import shutil
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.core.errors import DataError
from lineshape.engine.execution.failures import Cause, Failure
from lineshape.engine.input.catalogue import (
    FileRecord,
    FileRequest,
    chunks_of,
    remember,
    remembered,
    versions,
)
from lineshape.engine.input.inspection import inspect_file
from lineshape.engine.input.sources import FileSource
from tests.conftest import TREE


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
    # One UUID may be of several files: ROOT's ?reproducible gives them all the same.
    for other in (record(uuid="v"), record(entries=11), record(size=101), replace(record(), content="0badf00d")):
        assert chunk.identity("p") != chunks_of(other, 100)[0].identity("p")
    assert chunk.identity("p") != chunk.identity("another processor")


def test_a_file_in_two_samples_has_shards_of_each_and_the_same_random_numbers() -> None:
    one, other = (chunks_of(replace(record(), sample=sample), 100)[0] for sample in ("nominal", "up"))
    assert one.identity("p") != other.identity("p")
    assert one.entropy == other.entropy
    assert len({one, other, chunks_of(record(), 100)[0]}) == 3, "chunks are hashable"


def test_a_file_without_entries_has_no_chunks() -> None:
    assert chunks_of(record(entries=0), 100) == []


def request(path: Path, adler32: str = "") -> FileRequest:
    branches = {"pt": ("TauJetsAuxDyn.ptCombined",), "none": (None,)}
    return FileRequest("s", FileSource(str(path), adler32), TREE, branches, versions([str(path)])[str(path)])


def test_a_look_is_remembered_until_the_file_changes(ntuples: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    shutil.copy(ntuples[0], path)
    found = inspect_file(request(path))
    assert found.entry_bytes > 4
    assert remembered(tmp_path) == {}
    damaged = Failure(Cause.CORRUPT, "not a ROOT file")
    busy = Failure(Cause.TRANSIENT, "the server is busy")
    others = [request(tmp_path / "none.root"), request(ntuples[0])]
    remember(tmp_path, [(request(path), found), (others[0], damaged), (others[1], busy)])
    assert remembered(tmp_path) == {request(path).key: found, others[0].key: damaged}
    os.utime(path, ns=(1, 1))
    assert request(path).key not in remembered(tmp_path)
    kept = json.loads((tmp_path / "catalogue.json").read_text(encoding="utf-8"))
    for other in (kept | {"look": 1}, {}):  # of a version that did not look for all that this one does
        (tmp_path / "catalogue.json").write_text(json.dumps(other), encoding="utf-8")
        assert remembered(tmp_path) == {}


def test_flipped_bits_are_caught_where_a_checksum_is_given(ntuples: list[Path], tmp_path: Path) -> None:
    """Also those that a decompressor reads without a word."""
    content = bytearray(ntuples[0].read_bytes())
    whole = f"{zlib.adler32(content):08x}"
    assert inspect_file(request(ntuples[0], whole)).entries > 0
    content[len(content) // 2] ^= 1
    path = tmp_path / "flipped.root"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"adler32 checksum is [0-9a-f]{{8}}, expected {whole}: copy the file again"):
        inspect_file(request(path, whole))
