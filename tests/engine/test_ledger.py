"""The ledger: a record is whole or not there, whatever a killed run left."""

from pathlib import Path

import pytest

from lineshape.engine import ledger


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
