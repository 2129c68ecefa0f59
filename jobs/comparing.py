"""Compare finished runs, from Python and for the command line."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lineshape.engine.core.errors import LineshapeError, RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.run_comparison import ComparedFigure, ComparedRun
from lineshape.engine.results.run_comparison import compare as compare_figures
from lineshape.engine.stages.reporting.comparison_page import ComparisonTable, tables_of, write_comparison
from lineshape.jobs.api import Result, open_result
from lineshape.jobs.display.html import table


@dataclass(frozen=True, repr=False)
class RunComparison:
    """Figures of several runs, beside one another."""

    runs: list[ComparedRun]
    figures: list[ComparedFigure]

    def tables(self) -> list[ComparisonTable]:
        """Return a table of inclusive figures for each measure and sample."""
        return tables_of(self.runs, self.figures)

    def write(self, path: str | Path) -> None:
        """Write a page with the tables, and with plots that have a curve for each run."""
        write_comparison(Path(path), self.runs, self.figures)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return all figures, those in bins too, as JSON-serialisable dictionaries."""
        return [asdict(figure) for figure in self.figures]

    def __repr__(self) -> str:
        return f"Comparison of {', '.join(run.name for run in self.runs)}"

    def _repr_html_(self) -> str:
        return "".join(table(each.title, [each.headings, *each.lines]) for each in self.tables())


def compare(names: Sequence[str | Path]) -> RunComparison:
    """Compare runs, by their folders or studies, with the first.

    Raises RequestError where there are fewer than two, or they have no figure in common.
    """
    if len(names) < 2:
        raise RequestError(f"expected two runs or more to compare, found {len(names)}")
    results = [open_result(name) for name in names]
    known = _names([result.folder for result in results])
    runs = [_compared(result, name) for result, name in zip(results, known, strict=True)]
    figures = compare_figures(runs)
    if not figures:
        raise RequestError(
            f"{' and '.join(known)} have no model that is measured on a sample of the same name by a measure of the "
            "same name: there is nothing to compare"
        )
    return RunComparison(runs, figures)


def _compared(result: Result, name: str) -> ComparedRun:
    folder = RunFolder(result.folder)
    labels = {model: str(spec.settings.get("label") or model) for model, spec in result.job.models.items()}
    try:
        store = FeatureStore.load(folder.features)
        performance = Performance.as_saved(result.job, folder.histograms, store)
    except LineshapeError as error:
        return ComparedRun(name, result.job, result.rows, labels, {}, problem=str(error))
    return ComparedRun(name, result.job, result.rows, labels, store.columns, performance)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return a name for each folder: as many of its last parts as tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-length:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    raise RequestError(f"{folders[0]} is given twice: expected different runs to compare")
