"""The line that a run of reprocessing prints: the same keys and values as the ledger, files by their number."""

from pathlib import Path

from lineshape.engine.core import ledger
from lineshape.engine.reprocessing.dry_run import DryRun, PlannedWork
from lineshape.engine.reprocessing.run_record import read_runs
from lineshape.jobs.cli.reprocess import summary

LEDGER = Path(__file__).parents[1] / "engine" / "reprocessing" / "ledger.jsonl"
KEYS = (
    *("exit", "run", "study", "status", "text", "seconds", "files", "data", "version", "champion"),
    *("problem", "comparison", "decision", "drift", "would"),
)


def test_of_a_run() -> None:
    for record, line in zip(read_runs(LEDGER), ledger.read(LEDGER), strict=True):
        line["exit"] = 0
        if "files" in line:
            line["files"] = {kind: len(files) for kind, files in line["files"].items()}
        assert list(summary(record, 0).items()) == [(key, line[key]) for key in KEYS if key in line]


def test_of_a_dry_run() -> None:
    told = summary(DryRun("study", "files: 2 new", None, PlannedWork({"new": 2}, ["train: it is due"])), 0)
    assert told == {
        "exit": 0,
        "study": "study",
        "status": "dry run",
        "text": "files: 2 new",
        "champion": None,
        "would": {"files": {"new": 2}, "train": ["train: it is due"]},
    }
