"""YAML as it is written: nothing is lost, nothing means something else than it says."""

from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.job.job_file import YamlSource, read_value


def source(folder: Path, text: str | bytes) -> YamlSource:
    path = folder / "job.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return YamlSource.read(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("study: a\nstudy: b\n", "line 2: study: given twice, first in line 1"),
        (
            "models:\n  brt: {kind: a}\n  mdn: {kind: b}\n  brt: {kind: c}\n",
            "line 4: models.brt: given twice, first in line 2",
        ),
        ("models: {a: 1, b: 2, 'a': 3}\n", "line 1: models.a: given twice, first in line 1"),
        ('feature_sets:\n  20: [a]\n  "20": [b]\n', "line 3: feature_sets.20: given twice, first in line 2"),
        ("a: [{b: 1,\n b: 2}]\n", "line 2: a.0.b: given twice, first in line 1"),
        ("a: &x {b: 1}\nc: {<<: *x, <<: *x}\n", "line 2: c.<<: given twice"),
        ("a: &x {b: *x}\n", "an end|alias|anchor"),
        ("a: &x\n - *x\n", "without an end"),
        ("? [a, b]\n: 1\n", "line 1: a key that is no name"),
        ("a: !!python/object:os.system x\n", "line 1: a: a tag"),
        ("a: !!int x\n", "line 1: a: a tag"),
        ("a: [1, 2\nb: 3\n", "line 2: not valid YAML"),
        ("a: b: c\n", "line 1: not valid YAML"),
        ("a: 1\n---\na: 2\n", "not valid YAML"),
        ("- a\n- b\n", "expected a job file with keys such as study"),
        ("", "expected a job file with keys such as study"),
        ("a: {<<: 1}\n", "a.<<: expected sections to take keys from"),
        (b"\xff\xfe\x00", "not a job file: expected YAML, and it is not text"),
        ("a: \x00\n", "not valid YAML"),
        ("a: " + "[" * 3000, "not valid YAML|without an end"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    with pytest.raises(RequestError, match=expected) as raised:
        source(tmp_path, text)
    assert str(tmp_path / "job.yaml") in str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("On", "On"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("2024-02-30", "2024-02-30"),
        ("010", 10),
        ("1e-3", 0.001),
        ("1_000", 1000),
        ("0x1F", 31),
        ("-1.5", -1.5),
        (".5", 0.5),
        (".inf", float("inf")),
        ("true", True),
        ("~", None),
        ("null", None),
        ('"true"', "true"),
        ("'5'", "5"),
        ("1.2.3", "1.2.3"),
        ("[1, no, {a: ~}]", [1, "no", {"a": None}]),
        ("", None),
        ('"\\ud800\\udc00 \\u00e9"', "\U00010000 é"),
    ],
)
def test_plain_words_are_what_they_look_like(text: str, value: Any) -> None:
    found = read_value(text, "--set a=…")
    assert found == value
    assert type(found) is type(value)


def test_keys_are_names(tmp_path: Path) -> None:
    """Also those that YAML 1.1 takes for a truth value, a number or a date."""
    assert list(source(tmp_path, "no: 1\n20: 2\n2024-01-01: 3\nnull: 4\n1e3: 5\n").values) == [
        "no",
        "20",
        "2024-01-01",
        "null",
        "1e3",
    ]


def test_sections_take_keys_from_others(tmp_path: Path) -> None:
    """What stands in the section itself goes first, then the first of several."""
    text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nboth: {<<: [*x, *y], c: 3}\n"
    found = source(tmp_path, text)
    assert found.values["both"] == {"a": 1, "b": 1, "c": 3}
    assert found.line(("both", "c")) == 3
    assert found.line(("both", "a")) == 1


def test_a_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    assert list(source(tmp_path, "study: a\n".encode("utf-8-sig")).values) == ["study"]
