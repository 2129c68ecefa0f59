"""Records are read as what was written, or refused with the file's name and what to do."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.records import as_shape, find_record, read_record, save_record, sealed_bytes, unsealed_bytes
from lineshape.engine.learning.launch.network_rank import _load_state
from tests.conftest import examples

pytestmark = pytest.mark.soak


@dataclass
class Shape:
    number: int
    names: list[str]
    nested: dict[str, float | None]


WHOLE = {"number": 3, "names": ["a", "é"], "nested": {"x": 1e-5, "y": None}}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    save_record(tmp_path / "record.json", WHOLE)
    assert vars(read_record(tmp_path / "record.json", Shape, "again")) == WHOLE


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '"a"', '{"number": "x"}', "\x00\x01", "[" * 100_000])
def test_what_is_something_else_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"record.json is damaged \(.+\): do it again"):
        read_record(path, Shape, "do it again")
    assert find_record(path, Shape) is None


def test_a_key_that_the_shape_has_not_is_refused_but_where_a_record_is_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    save_record(path, {**WHOLE, "more": 1})
    with pytest.raises(RunError, match=r"record.json is damaged \(.*more is unknown\): do it again"):
        read_record(path, Shape, "do it again")
    assert vars(read_record(path, Shape, "do it again", partly=True)) == WHOLE
    with pytest.raises(ValueError, match="more is unknown"):
        as_shape([WHOLE, {**WHOLE, "more": 1}], list[Shape])


@given(st.data())
@examples(200, 5000)
def test_no_other_byte_passes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("one") / "record.json"
    save_record(path, WHOLE)
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:place] + data.draw(st.binary(max_size=3)) + content[place + 1 :])
    try:
        read = read_record(path, Shape, "again")
    except RunError:
        return
    assert vars(read) == WHOLE, "a change between values, or of the checksum's own name, alone"


def test_a_digit_that_changed_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    save_record(path, WHOLE)
    path.write_text(path.read_text(encoding="utf-8").replace("3", "4", 1), encoding="utf-8")
    with pytest.raises(RunError, match="its content is not what was written"):
        read_record(path, Shape, "again")
    assert json.loads(path.read_text(encoding="utf-8"))["number"] == 4


def test_bytes_are_sealed() -> None:
    assert unsealed_bytes(sealed_bytes(b"trees")) == b"trees"
    assert unsealed_bytes(sealed_bytes(b"trees")[:-1]) is None
    assert unsealed_bytes(b"") is None


def test_a_checkpoint_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(RunError, match=r"checkpoint.pt is damaged .*remove it, and run the same command again"):
        _load_state(tmp_path / "checkpoint.pt")
