"""Records of reprocessing runs: lines of ledgers that exist are read, and would be written as they were."""

from pathlib import Path
from typing import Any

import pytest

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RunError
from lineshape.engine.reprocessing.run_record import DriftRecord, UnknownDrift, read_runs

#: Of runs: a model left out after a kill, compared, nothing to do, rollback, failed, interrupted, incomplete, not
#: promoted with a drift that is not known in part, not comparable.
LEDGER = Path(__file__).with_name("ledger.jsonl")


def written(path: Path, values: dict[str, Any]) -> Path:
    ledger.append(path / "ledger.jsonl", values)
    return path / "ledger.jsonl"


def test_lines_are_written_as_they_were(tmp_path: Path) -> None:
    for record in read_runs(LEDGER):
        path = written(tmp_path, record.to_dict())
    assert path.read_bytes() == LEDGER.read_bytes()


def test_parts_have_their_types() -> None:
    left_out, compared, nothing, rollback, failed, interrupted, incomplete, known_in_part, unknown = read_runs(LEDGER)
    assert left_out.after
    assert left_out.champion is None
    assert left_out.training
    assert "too few" in (left_out.training.left_out or "")
    assert compared.training
    assert compared.training.left_out is None
    assert compared.decision
    assert compared.decision.promoted
    assert compared.comparison
    assert compared.comparison.significance == pytest.approx(0.349, abs=0.001)
    assert compared.files
    assert [file.state for file in compared.files["new"]] == ["processed"]
    assert compared.data
    assert compared.data.rows == 4500
    assert (nothing.status, nothing.files, nothing.drift) == ("nothing", {}, None)
    assert (rollback.what, rollback.files, rollback.champion) == ("rollback", None, "0001")
    assert (failed.status, failed.training) == ("failed", None)
    assert (interrupted.status, interrupted.data) == ("interrupted", None)
    assert incomplete.files
    assert incomplete.files["broken"][0].reason
    assert isinstance(known_in_part.drift, DriftRecord)
    assert list(known_in_part.drift.left_out) == ["mu"]
    assert isinstance(unknown.drift, UnknownDrift)
    assert unknown.comparison
    assert unknown.comparison.value is None
    assert unknown.removed == ["0002"]


def test_earlier_and_later_versions_are_read(tmp_path: Path) -> None:
    """Which saved less, or know more."""
    values = next(values for values in ledger.read(LEDGER) if "comparison" in values)
    del values["drift"]["left_out"], values["files"]["new"][0]["content"]
    (record,) = read_runs(written(tmp_path / "earlier", values))
    assert isinstance(record.drift, DriftRecord)
    assert record.drift.left_out == {}
    for part in (values, values["data"], values["training"], values["comparison"], values["files"]["new"][0]):
        part["further"] = [1]
    values["files"]["moved"] = []
    (later,) = read_runs(written(tmp_path / "later", values))
    assert later.training == record.training


@pytest.mark.parametrize("part", ["data", "training", "comparison", "decision", "drift", "files"])
def test_a_record_with_a_part_that_is_none_is_refused(part: str, tmp_path: Path) -> None:
    values = next(values for values in ledger.read(LEDGER) if "comparison" in values)
    with pytest.raises(RunError, match=r"ledger.jsonl, line 1: expected a record of reprocessing, found .* put the"):
        read_runs(written(tmp_path, values | {part: {"new": "x"}}))
