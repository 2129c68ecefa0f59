"""What files a sample is of."""

from pathlib import Path

import pytest

from lineshape.engine.errors import RequestError
from lineshape.engine.sources import Source, expand


def paths(*patterns: str) -> list[str]:
    return [source.path for source in expand(patterns)]


@pytest.fixture
def both(tmp_path: Path) -> list[str]:
    for name in ("b.root", "a.root", "c.csv"):
        (tmp_path / name).touch()
    return [str(tmp_path / "a.root"), str(tmp_path / "b.root")]


def test_globs_folders_and_urls(both: list[str], tmp_path: Path) -> None:
    assert paths(str(tmp_path / "*.root")) == both
    assert paths(str(tmp_path)) == both
    assert paths(both[1], str(tmp_path)) == [both[1], both[0]]
    assert paths("root://server//file.root") == ["root://server//file.root"]
    assert paths(str(tmp_path / "none.root")) == [str(tmp_path / "none.root")]
    with pytest.raises(RequestError, match="no file matches"):
        paths(str(tmp_path / "*.parquet"))


def test_a_text_list(both: list[str], tmp_path: Path) -> None:
    """Relative paths are of the list's folder; checksums stand beside paths as xrdadler32 prints them."""
    files = tmp_path / "files.txt"
    files.write_text(f"# a comment\n\na.root\n0a1b2C3d {both[1]}\nhttps://server/x.root\n", encoding="utf-8")
    assert expand([str(files)]) == [
        Source(both[0]),
        Source(both[1], "0a1b2c3d"),
        Source("https://server/x.root"),
    ]


@pytest.mark.parametrize("line", ["two words.root", "0a1b2c3d", "0a1b2c3d 0a1b2c3d a.root"])
def test_a_list_that_is_wrong(line: str, tmp_path: Path) -> None:
    (tmp_path / "files.list").write_text(line, encoding="utf-8")
    with pytest.raises(RequestError, match="expected a path, and at most one adler32 checksum"):
        expand([str(tmp_path / "files.list")])


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"none\.txt: cannot read this list of files: No such file"):
        expand([str(tmp_path / "none.txt")])


def test_a_list_that_names_itself(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("b.txt\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("a.txt\n", encoding="utf-8")
    with pytest.raises(RequestError, match=r"a\.txt: this list of files names itself, by way of .*b\.txt → "):
        expand([str(tmp_path / "a.txt")])


def test_a_host_in_brackets_is_no_glob() -> None:
    assert paths("root://[::1]:1094//data/file.root") == ["root://[::1]:1094//data/file.root"]


def test_a_checksum_behind_a_path(both: list[str]) -> None:
    assert expand([both[0], f"{both[0]}#adler32=0A1B2C3D"]) == [Source(both[0], "0a1b2c3d")]
    with pytest.raises(RequestError, match="expected 8 hexadecimal digits after #adler32="):
        expand([f"{both[0]}#adler32=12"])
