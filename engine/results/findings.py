"""Choose the figures that a report opens with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineshape.engine.measures.measure import Measure
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import inclusive, written

#: Figures that a report opens with, at most.
_MOST = 3


@dataclass(frozen=True)
class Finding:
    """A figure of the model that did best: its text, and what it is of in words."""

    text: str
    words: str
    model: str


def findings(
    rows: list[Row], measures: Mapping[str, Measure], labels: Mapping[str, str], baseline: str, samples: Sequence[str]
) -> list[Finding]:
    """Return the figure that compares models, of the best one, and the first of its others; none where there is none.

    They are of the first measure that compares models, else of the first with a table, and of the first sample that
    has them. labels: labels of the models, in order.
    """
    models = [model for model in labels if model != baseline] or [*labels]
    against = labels.get(baseline, baseline)
    for sample in samples:
        for name, measure in sorted(measures.items(), key=lambda item: not item[1].better):
            if best := _best(rows, sample, name, measure, models):
                wanted = dict.fromkeys([*list(measure.better)[:1], *measure.headline.values()])
                found = (inclusive(rows, sample, best, name, figure) for figure in wanted)
                return [
                    _finding(row, measure, labels[best], against) for row in found if row and row.value is not None
                ][:_MOST]
    return []


def _finding(row: Row, measure: Measure, label: str, against: str) -> Finding:
    words = measure.in_words(row.figure).replace("the baseline's", f"that of {against}")
    return Finding(written(row), words, label)


def _best(rows: list[Row], sample: str, name: str, measure: Measure, models: Sequence[str]) -> str:
    """Return the model that compares best with the baseline; the last one that has a figure where none compares."""
    if measure.better:
        figure, direction = next(iter(measure.better.items()))
        found = {model: inclusive(rows, sample, model, name, figure) for model in models}
        values = {model: row.value for model, row in found.items() if row and row.value is not None}
        if values:
            choose = min if direction == "lower" else max
            return choose(values, key=lambda model: values[model])
    headline = list(measure.headline.values())
    have = [model for model in models if any(inclusive(rows, sample, model, name, figure) for figure in headline)]
    return have[-1] if have else ""
