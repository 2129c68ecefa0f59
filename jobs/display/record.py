"""Show the record of a reprocessing run in a notebook."""

from collections.abc import Mapping
from typing import Any

from lineshape.engine.core.run_folder import ReprocessingFolder
from lineshape.engine.reprocessing.file_changes import tell
from lineshape.jobs.display.html import link, table


class Told(dict[str, Any]):
    """A record of the ledger, which shows itself in a notebook; folder: the reprocessing folder of the ledger."""

    def __init__(self, record: Mapping[str, Any], folder: ReprocessingFolder) -> None:
        super().__init__(record)
        self.folder = folder

    def lines(self) -> list[list[str]]:
        """Return the entries that a reader needs first: names and text."""
        drift, data = self.get("drift", {}), self.get("data", {})
        told = {
            "status": self["status"],
            "what": self["text"],
            "champion": self.get("champion") or "none",
            "files": tell({kind: len(files) for kind, files in self.get("files", {}).items()}),
            "objects": f"{data['rows']:,}" if "rows" in data else "",
            "drift": f"{drift['worst']} {drift['index']:g}" if drift.get("worst") else drift.get("problem", ""),
            "left to you": self.get("problem", ""),
        }
        return [[name, text] for name, text in told.items() if text]

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {text}" for name, text in self.lines())

    def _repr_html_(self) -> str:
        run = f"Run {self['run']} of {self.folder.path}"
        page = self.folder.latest.page
        compared = f"<div>Champion and challenger: {link(page)}</div>" if page.is_file() else ""
        return table(run, [["", ""], *self.lines()]) + compared
