"""A file is there whole or not at all."""

import errno
import json
import os
from pathlib import Path

import pytest

from lineshape.engine.core.errors import StorageError
from lineshape.engine.core.files import replacing, sweep, write_json


def fail_half_way(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("torn", encoding="utf-8")
        raise RuntimeError("half-way")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": 1})
    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way(path)
    assert json.loads(path.read_text()) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_only_old_temporary_files_are_swept_away(tmp_path: Path) -> None:
    old, young, shard = (tmp_path / name for name in (".a.parquet.0.tmp", ".b.parquet.1.tmp", "a.parquet"))
    for path in (old, young, shard):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(shard, (0, 0))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, shard])


def test_no_room_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="make room, or name another run folder"), replacing(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="busy"), replacing(tmp_path / "a"):
        raise OSError(errno.EBUSY, "busy")
    assert not list(tmp_path.iterdir())
