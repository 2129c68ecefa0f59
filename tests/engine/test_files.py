"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from lineshape.engine.files import read_json, replacing, write_json


def fail_half_way(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("torn", encoding="utf-8")
        raise RuntimeError("half-way")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json(path, {"old": 1})
    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way(path)
    assert read_json(path) == {"old": 1}
    assert list(tmp_path.iterdir()) == [path]
