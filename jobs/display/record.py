"""Show the record of a reprocessing run in a notebook."""

from typing import Any

from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.reprocessing.file_changes import tell
from lineshape.engine.reprocessing.run_record import DriftRecord, RunRecord, UnknownDrift
from lineshape.jobs.display.html import link, table


class Told(dict[str, Any]):
    """A record as it stands in the ledger, which shows itself in a notebook.

    record: the same with its types. folder: the reprocessing folder of the ledger.
    """

    def __init__(self, record: RunRecord, folder: ReprocessingFolder) -> None:
        super().__init__(record.to_dict())
        self.record = record
        self.folder = folder

    def lines(self) -> list[list[str]]:
        """Return the entries that a reader needs first: names and text."""
        record = self.record
        told = {
            "status": record.status,
            "what": record.text,
            "champion": record.champion or "none",
            "files": tell({kind: len(files) for kind, files in (record.files or {}).items()}),
            "objects": f"{record.data.rows:,}" if record.data else "",
            "drift": _drift(record.drift),
            "left to you": record.problem or "",
        }
        return [[name, text] for name, text in told.items() if text]

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.lines())

    def _repr_html_(self) -> str:
        run = f"Run {self.record.run} of {self.folder.path}"
        page = self.folder.latest.page
        compared = f"<div>Champion and challenger: {link(page)}</div>" if page.is_file() else ""
        return table(run, [["", ""], *self.lines()]) + compared


def _drift(drift: DriftRecord | UnknownDrift | None) -> str:
    """Return the feature that drifted most, or why that is not known; empty where nothing drifted."""
    if isinstance(drift, UnknownDrift):
        return drift.problem
    return f"{drift.worst} {drift.index:g}" if drift and drift.worst else ""
