"""The ledger: a record is whole or not there, whatever a killed run left."""

from pathlib import Path

import pytest

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RunError
from lineshape.engine.reprocessing.run_record import RunRecord, read_runs


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_torn_last_line_harms_no_other(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, {"run": 1})
    ledger.append(path, {"run": 2})
    path.write_bytes(path.read_bytes()[:-cut])
    kept = ledger.read(path)
    assert kept == ([{"run": 1}, {"run": 2}] if cut == 1 else [{"run": 1}] if cut < 13 else [])
    ledger.append(path, {"run": 3})
    assert ledger.read(path) == [*kept, {"run": 3}]


def test_nothing_there(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "ledger.jsonl") == []
    ledger.append(tmp_path / "new" / "ledger.jsonl", {"text": "ü"})
    assert ledger.read(tmp_path / "new" / "ledger.jsonl") == [{"text": "ü"}]


def record(number: int) -> RunRecord:
    return RunRecord(run=number, what="reprocessing", started="", finished="", seconds=0.0, status="done", text="ü")


@pytest.mark.parametrize("line", ['{"run": 2, "wh', "", "[1]", "null", "{}", '{"stage": "training"}', "\x00\x00\x00"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_line_that_was_spoilt_is_named(tmp_path: Path, line: str, number: int) -> None:
    path = tmp_path / "ledger.jsonl"
    for each in (1, 2, 3):
        ledger.append(path, record(each).to_dict())
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match=rf"ledger.jsonl, line {number}: expected a record .* put the line back"):
        read_runs(path)
    assert ledger.stages(path) == []


@pytest.mark.parametrize("cut", [2, 5, 40])
def test_a_torn_line_stays_harmless_when_others_follow(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, record(1).to_dict())
    for number in (2, 3):
        ledger.append(path, record(9).to_dict())
        path.write_bytes(path.read_bytes()[:-cut])
        ledger.append(path, record(number).to_dict())
    assert read_runs(path) == [record(1), record(2), record(3)]
