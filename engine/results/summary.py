"""Make the summary of a run: every figure as a list of rows, and the tables of the report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lineshape.engine.measures.measure import BASELINE, Measure
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.row import Row


def rows_of(performance: Performance, measures: Mapping[str, Measure], baseline: str) -> list[Row]:
    """Return a row for each figure; ratios to the baseline are left out where that was not measured."""
    rows: list[Row] = []
    for sample in performance.samples:
        for model in performance.models:
            for name, measure in measures.items():
                histograms = performance.of(sample, model, name)
                if not histograms:
                    continue
                others = {BASELINE: baseline} | {other: other for other in measure.against}
                references = {key: performance.of(sample, other, name) for key, other in others.items()}
                references = {key: found for key, found in references.items() if found}
                for figure in measure.figures(histograms, references):
                    if figure.figure.endswith("_over_baseline") and BASELINE not in references:
                        continue
                    rows.append(
                        Row(
                            sample,
                            model,
                            name,
                            figure.figure,
                            figure.by,
                            figure.low,
                            figure.high,
                            _number(figure.value),
                            _number(figure.uncertainty),
                            figure.unit,
                            figure.entries,
                            figure.remark,
                            figure.shown,
                        )
                    )
    return rows


@dataclass(frozen=True)
class TableRow:
    """A model's row of a table.

    cells: rows of the summary of its figures, None where there is none. entries: number of objects.
    """

    model: str
    label: str
    cells: list[Row | None]
    entries: int


@dataclass(frozen=True)
class Headline:
    """The table that sums up a measure on a sample.

    title: title of the measure, with the bins that its figures are means over where these are the same for all models.
    headings: headings of the figures.
    """

    measure: str
    title: str
    headings: list[str]
    lines: list[TableRow]


def headline_tables(
    rows: list[Row], sample: str, measures: Mapping[str, Measure], labels: Mapping[str, str]
) -> list[Headline]:
    """Return for each measure that has one the table of its figures on a sample, without figures that no model has.

    labels: labels of the models, in order.
    """
    tables = []
    for name, measure in measures.items():
        lines: list[TableRow] = []
        remarks: list[list[str]] = []
        for model, label in labels.items():
            cells = [inclusive(rows, sample, model, name, figure) for figure in measure.headline.values()]
            if found := [cell for cell in cells if cell]:
                lines.append(TableRow(model, label, cells, found[0].entries))
                remarks.append(list(dict.fromkeys(cell.remark for cell in found if cell.remark)))
        kept = [i for i in range(len(measure.headline)) if any(line.cells[i] for line in lines)]
        if lines:
            headings = [list(measure.headline)[i] for i in kept]
            common = [remark for remark in remarks[0] if all(remark in others for others in remarks)]
            cut = [
                replace(
                    line,
                    label="; ".join([line.label, *(remark for remark in own if remark not in common)]),
                    cells=[line.cells[i] for i in kept],
                )
                for line, own in zip(lines, remarks, strict=True)
            ]
            title = measure.title or name
            tables.append(Headline(name, "; ".join([title, *common]), headings, cut))
    return tables


def inclusive(rows: list[Row], sample: str, model: str, measure: str, figure: str) -> Row | None:
    """Return the row of an inclusive figure, or None."""
    wanted = (sample, model, measure, figure, "")
    return next((row for row in rows if (row.sample, row.model, row.measure, row.figure, row.by) == wanted), None)


def _number(value: float) -> float | None:
    """Return six significant digits of a value; None for NaN and infinity, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
