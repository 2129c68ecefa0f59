"""Write the page that compares runs, and its tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lineshape.engine.job.subjects import label_of
from lineshape.engine.measures.measure import Figure
from lineshape.engine.results.numbers import with_uncertainty
from lineshape.engine.results.plot_data import data_of
from lineshape.engine.results.run_comparison import ComparedFigure, ComparedRun, overlaid
from lineshape.engine.results.style import Style
from lineshape.engine.results.summary import written
from lineshape.engine.stages.reporting import template


@dataclass(frozen=True)
class ComparisonTable:
    """Inclusive figures of a measure on a sample, in all runs: a line for each model and figure."""

    title: str
    headings: list[str]
    lines: list[list[str]]


def tables_of(runs: Sequence[ComparedRun], figures: Iterable[ComparedFigure]) -> list[ComparisonTable]:
    """Return a table for each measure and sample."""
    first, names = runs[0], [run.name for run in runs]
    measures, found = first.job.built_measures(), dict[tuple[str, str], ComparisonTable]()
    for figure in figures:
        if figure.by:
            continue
        key = figure.sample, figure.measure
        if key not in found:
            title = f"{label_of(first.job, figure.sample)}: {measures[figure.measure].title or figure.measure}"
            relative = [f"{name} against {names[0]}" for name in names[1:]]
            found[key] = ComparisonTable(title, ["model", "figure", *names, *relative], [])
        line = [first.labels.get(figure.model, figure.model), figure.words, *(written(row) for row in figure.rows)]
        found[key].lines.append([*line, *(_relative(figure.sign, each) for each in figure.relative)])
    return list(found.values())


def _relative(sign: str, figure: Figure | None) -> str:
    word = "ratio" if sign == "/" else "difference"
    return f"{word} {with_uncertainty(figure.value, figure.uncertainty)}" if figure else "–"


def write_comparison(path: Path, runs: Sequence[ComparedRun], figures: Sequence[ComparedFigure]) -> None:
    """Write the page: tables, and the plots of each model with a curve for each run."""
    names = tuple(run.name for run in runs)
    style = Style(names, "", "", names)
    data: dict[str, Any] = {}
    sections: dict[str, list[tuple[str, str]]] = {}
    subjects = dict.fromkeys((figure.sample, figure.measure, figure.model) for figure in figures)
    for sample, measure, model in subjects:
        label = runs[0].labels.get(model, model)
        for plot in overlaid(runs, sample, measure, model):
            name = f"plot{len(data)}"
            data[name] = data_of(plot, style)
            of = f" ({sample})" if len({figure.sample for figure in figures}) > 1 else ""
            sections.setdefault(f"{label}: {plot.section}{of}", []).append((name, plot.caption))
    template.write(
        path,
        "comparison.html",
        data,
        {},
        title=runs[0].job.title or runs[0].job.study,
        names=names,
        made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        runs=runs,
        tables=tables_of(runs, figures),
        sections=sections,
    )
