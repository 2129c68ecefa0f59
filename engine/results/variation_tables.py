"""Make the tables of what variations shift headline figures by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineshape.engine.measures.measure import Measure
from lineshape.engine.results.numbers import signed
from lineshape.engine.results.row import Row
from lineshape.engine.results.shifts import FigureShift, Key, both_directions, key_of
from lineshape.engine.results.summary import inclusive, unit_of, written

#: Shifts of one direction: text of the shift and of its statistical uncertainty.
Cell = tuple[str, str]


@dataclass(frozen=True)
class VariationLine:
    """A line of the table: a variation, and for each model its shifts up and down."""

    label: str
    cells: list[Cell]
    largest: float


@dataclass(frozen=True)
class VariationTable:
    """Table of the shifts of a figure by all variations, for each model.

    title: the measure and figure. totals: for each model its value with the statistical and systematic uncertainty.
    """

    title: str
    models: list[str]
    lines: list[VariationLine]
    totals: list[Cell]


def variation_tables(
    rows: Sequence[Row],
    shifts: Sequence[FigureShift],
    sample: str,
    measures: Mapping[str, Measure],
    models: Mapping[str, str],
    variations: Mapping[str, str],
    baseline: str,
) -> list[VariationTable]:
    """Return a table for each headline figure that is varied on a sample, the largest variation first.

    models, variations: labels by name. baseline: what headings call the baseline.
    """
    found = []
    known: dict[tuple[str, str, Key], FigureShift] = {
        (each.variation, each.direction, each.key): each for each in shifts
    }
    varied = both_directions(shifts)
    for name, measure in measures.items():
        for heading, figure in measure.headline.items():
            of = {model: inclusive(list(rows), sample, model, name, figure) for model in models}
            shown = {model: row for model, row in of.items() if row is not None and _is_varied(row)}
            if not shown:
                continue
            unit = next((unit_of(row) for row in shown.values()), "")
            lines = []
            for variation, label in variations.items():
                pairs = [varied.get(variation, {}).get(key_of(row)) for row in shown.values()]
                if not any(pairs):
                    continue
                cells = [_cell(known, variation, row) for row in shown.values()]
                largest = max(max(map(abs, pair)) for pair in pairs if pair)
                lines.append(VariationLine(label, cells, largest))
            lines.sort(key=lambda line: -line.largest)
            totals = [(written(row, unit=False), "") for row in shown.values()]
            title = f"{measure.title or name}: {heading.replace('baseline', baseline)}" + (f" [{unit}]" if unit else "")
            found.append(VariationTable(title, [models[model] for model in shown], lines, totals))
    return found


def _is_varied(row: Row) -> bool:
    """Return whether a figure has a systematic uncertainty, and is not what it is by definition."""
    return row.systematic is not None and bool(row.systematic or row.uncertainty)


def _cell(known: Mapping[tuple[str, str, Key], FigureShift], variation: str, row: Row) -> Cell:
    """Return the shifts up and down, each with its statistical uncertainty, as text."""
    scale = 100 if row.shown == "%" else 1
    texts: list[str] = []
    for direction in ("up", "down"):
        shift = known.get((variation, direction, key_of(row)))
        if shift is None or shift.shift is None:
            texts.append("mirrored" if direction == "down" and texts[0] != "–" else "–")
        else:
            missing = " (not the same events)" if shift.lost else ""
            texts.append(signed(scale * shift.shift, scale * (shift.uncertainty or 0.0)) + missing)
    return texts[0], texts[1]
