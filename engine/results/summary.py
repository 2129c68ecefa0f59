"""Make the summary of a run: every figure as a list of rows, and the tables of the report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lineshape.engine.measures.measure import BASELINE, Figure, Measure
from lineshape.engine.results.numbers import with_uncertainty
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.row import Row


def rows_of(performance: Performance, measures: Mapping[str, Measure], baseline: str) -> list[Row]:
    """Return a row for each figure, on each group of samples and each sample."""
    rows: list[Row] = []
    for sample in performance.subjects.members:
        for model in performance.models:
            for name, measure in measures.items():
                figures = figures_of(performance, sample, model, name, measure, baseline)
                trainings = [
                    {_key(each): each.value for each in figures_of(performance, sample, one, name, measure, baseline)}
                    for one in performance.trainings.get(model, ())
                ]
                for figure in figures:
                    single = [values.get(_key(figure), math.nan) for values in trainings]
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
                            _number(float(np.mean(single))) if single else None,
                            _number(float(np.std(single, ddof=1))) if single else None,
                        )
                    )
    return rows


def figures_of(
    performance: Performance, sample: str, model: str, name: str, measure: Measure, baseline: str
) -> Sequence[Figure]:
    """Return the figures of a model on a sample; none where it was not measured.

    Ratios to the baseline are left out where that was not measured.
    """
    if sample not in performance.subjects.shown(name, measure, model):
        return []
    histograms = performance.of(sample, model, name)
    if not histograms:
        return []
    others = {BASELINE: baseline} | {other: other for other in measure.against}
    references = {key: performance.of(sample, other, name) for key, other in others.items()}
    references = {key: found for key, found in references.items() if found}
    return [
        figure
        for figure in measure.figures(histograms, references)
        if BASELINE in references or not figure.figure.endswith("_over_baseline")
    ]


def _key(figure: Figure) -> tuple[object, ...]:
    return figure.figure, figure.by, figure.low, figure.high


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
class Heading:
    """Heading of a column of figures.

    text: with the unit, where all figures have the same. figure: their name in summary.json. unit: whether each cell
    has its unit beside it, as they differ.
    """

    text: str
    figure: str
    unit: bool = False


@dataclass(frozen=True)
class Headline:
    """The table that sums up a measure on a sample.

    title: title of the measure, with the bins that its figures are means over where these are the same for all models.
    """

    measure: str
    title: str
    headings: list[Heading]
    lines: list[TableRow]

    def texts(self, line: TableRow) -> list[str]:
        """Return the cells of a line as text."""
        return [written(cell, unit=heading.unit) for heading, cell in zip(self.headings, line.cells, strict=True)]


def headline_tables(
    rows: list[Row], sample: str, measures: Mapping[str, Measure], labels: Mapping[str, str], baseline: str
) -> list[Headline]:
    """Return for each measure that has one the table of its figures on a sample, without figures that no model has.

    labels: labels of the models, in order. baseline: what headings call the baseline.
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
            heads = [list(measure.headline.items())[i] for i in kept]
            common = [remark for remark in remarks[0] if all(remark in others for others in remarks)]
            cut = [
                replace(
                    line,
                    label="; ".join([line.label, *(remark for remark in own if remark not in common)]),
                    cells=[line.cells[i] for i in kept],
                )
                for line, own in zip(lines, remarks, strict=True)
            ]
            headings = [
                _heading(text.replace("baseline", baseline), figure, [line.cells[i] for line in cut])
                for i, (text, figure) in enumerate(heads)
            ]
            title = (measure.title or name) + ("" if measure.weighted else ", not weighted")
            tables.append(Headline(name, "; ".join([title, *common]), headings, cut))
    return tables


def _heading(text: str, figure: str, cells: Sequence[Row | None]) -> Heading:
    units = {unit_of(cell) for cell in cells if cell and cell.value is not None}
    if len(units) > 1:
        return Heading(text, figure, unit=True)
    unit = "".join(units)
    return Heading(f"{text} [{unit}]" if unit else text, figure)


def unit_of(row: Row) -> str:
    """Return the unit that tables show a figure in."""
    return row.shown or row.unit


def written(row: Row | None, unit: bool = True) -> str:
    """Return value ± statistical uncertainty (± systematic, where it is varied) in the unit that tables show it in.

    unit: whether it is written beside them.
    """
    if row is None or row.value is None:
        return "–"
    scale = 100 if row.shown == "%" else 1
    text = with_uncertainty(
        scale * row.value,
        scale * (row.uncertainty or 0.0),
        6 if scale == 100 else 8,
        None if row.systematic is None else scale * row.systematic,
    )
    return f"{text} {unit_of(row)}" if unit and unit_of(row) else text


def inclusive(rows: list[Row], sample: str, model: str, measure: str, figure: str) -> Row | None:
    """Return the row of an inclusive figure, or None."""
    wanted = (sample, model, measure, figure, "")
    return next((row for row in rows if (row.sample, row.model, row.measure, row.figure, row.by) == wanted), None)


def _number(value: float) -> float | None:
    """Return six significant digits of a value; None for NaN and infinity, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
