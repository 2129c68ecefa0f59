"""What files a sample is of."""

from pathlib import Path

import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.input.sources import FileSource, expand


def paths(*patterns: str) -> list[str]:
    return [source.path for source in expand(patterns).sources]


def notes(*patterns: str) -> str:
    return " ".join(expand(patterns).notes)


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
    assert expand([str(files)]).sources == (
        FileSource(both[0]),
        FileSource(both[1], "0a1b2c3d"),
        FileSource("https://server/x.root"),
    )


@pytest.mark.parametrize("line", ["one.root two.root", "0a1b2c3d", "0a1b2c3d 0a1b2c3d a.root"])
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
    assert expand([both[0], f"{both[0]}#adler32=0A1B2C3D"]).sources == (FileSource(both[0], "0a1b2c3d"),)
    with pytest.raises(RequestError, match="expected 8 hexadecimal digits after #adler32="):
        expand([f"{both[0]}#adler32=12"])


def rooted(path: Path) -> str:
    """A file with the first bytes of a ROOT file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"root\0\0\0\0")
    return str(path)


@pytest.mark.parametrize("name", ["run[1]", "a*b", "what?", "run [2] of 3", "data.txt", "a#b", "é"])
def test_a_path_that_is_there_is_no_pattern(name: str, tmp_path: Path) -> None:
    file = rooted(tmp_path / name / f"{name}.root")
    rooted(tmp_path / "run1" / "run1.root")
    for pattern in (tmp_path / name, file, tmp_path / name / "*.root", tmp_path / name / "**/*.root"):
        assert paths(str(pattern)) == [file]


def test_brackets_of_a_folder_that_is_not_there_are_a_pattern(tmp_path: Path) -> None:
    files = [rooted(tmp_path / f"run{number}" / "f.root") for number in (1, 2)]
    assert paths(str(tmp_path / "run[12]" / "*.root")) == files


@pytest.mark.parametrize(
    "name", ["x.pool.root.1", "x.root.1", "DAOD_PHYS.37._000001.pool.root.1", "ntuple", "x.rootfile"]
)
def test_a_root_file_is_known_by_its_first_bytes(name: str, tmp_path: Path) -> None:
    file, other = rooted(tmp_path / name), rooted(tmp_path / "other.root")
    (tmp_path / "x.log").write_text("rooted in text", encoding="utf-8")
    assert sorted(paths(str(tmp_path))) == sorted([file, other])


def test_a_damaged_file_of_a_folder_is_not_passed_over(tmp_path: Path) -> None:
    for name in ("a.root", "b.pool.root.2"):
        (tmp_path / name).write_bytes(b"")
    assert paths(str(tmp_path)) == [str(tmp_path / "a.root"), str(tmp_path / "b.pool.root.2")]
    assert not notes(str(tmp_path))


def test_what_is_left_out_of_a_folder_is_said(both: list[str], tmp_path: Path) -> None:
    rooted(tmp_path / "deeper" / "d.root")
    (tmp_path / ".hidden").touch()
    assert paths(str(tmp_path)) == both
    assert f"left out of folder {tmp_path}, as no ROOT files: c.csv, deeper/" in notes(str(tmp_path))
    assert f"'{tmp_path}/**/*.root'" in notes(str(tmp_path))
    assert not notes(*both)


def test_a_folder_without_root_files_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no ROOT file in folder .*; it is empty"):
        paths(str(tmp_path))
    (tmp_path / "c.csv").touch()
    with pytest.raises(RequestError, match=r"no ROOT file in folder .*c\.csv; a ROOT file starts with"):
        paths(str(tmp_path))


def test_a_glob_of_folders_is_of_the_files_in_them(tmp_path: Path) -> None:
    files = [rooted(tmp_path / f"user.x.{number}" / "f.root.1") for number in (1, 2)]
    (tmp_path / "user.x.3").mkdir()
    assert paths(str(tmp_path / "user.x.*")) == files


@pytest.mark.parametrize("checksum", ["", "0a1b2c3d"])
@pytest.mark.parametrize(
    "name", ["with space/f.root", "two  spaces.root", "a.root b.root", "deadbeef", "tab\there.root"]
)
def test_a_list_may_name_paths_with_spaces(name: str, checksum: str, tmp_path: Path) -> None:
    file = rooted(tmp_path / name)
    entry = f"{checksum} {name}" if checksum else name
    (tmp_path / "files.txt").write_text(entry + "\n", encoding="utf-8")
    assert expand([str(tmp_path / "files.txt")]).sources == (FileSource(file, checksum),)


def test_a_list_may_name_a_path_with_spaces_that_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "files.txt").write_text("two words.root 0a1b2c3d\r\n", encoding="utf-8")
    assert expand([str(tmp_path / "files.txt")]).sources == (FileSource(str(tmp_path / "two words.root"), "0a1b2c3d"),)


def test_a_mark_of_the_byte_order_is_no_part_of_a_path(both: list[str], tmp_path: Path) -> None:
    (tmp_path / "files.txt").write_text("a.root\nb.root\n", encoding="utf-8-sig")
    assert paths(str(tmp_path / "files.txt")) == both
    (tmp_path / "wide.txt").write_text("a.root\n", encoding="utf-16")
    with pytest.raises(RequestError, match=r"wide\.txt: cannot read this list of files: it is not text in UTF-8"):
        paths(str(tmp_path / "wide.txt"))


@pytest.mark.parametrize(
    ("pattern", "message"), [("~nobody-of-that-name/x.root", "no such user"), ("x" * 5000, None), ("a\0b.root", None)]
)
def test_a_path_that_can_be_none(pattern: str, message: str | None) -> None:
    if message:
        with pytest.raises(RequestError, match=message):
            paths(pattern)
    else:
        assert len(paths(pattern)) == 1


def test_a_file_that_is_named_twice_is_named(both: list[str], tmp_path: Path) -> None:
    """By a path and by a pattern that holds it, too."""
    found = expand([both[0], both[0], str(Path(both[0]).parent / "*.root")])
    assert len(found.sources) == len({source.path for source in found.sources})
    (note,) = (note for note in found.notes if "named more than once and counted once" in note)
    assert both[0] in note


def test_what_was_expanded_stays_so(both: list[str], tmp_path: Path) -> None:
    found = expand([str(tmp_path)])
    assert expand(found) is found
