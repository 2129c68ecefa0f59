"""Tell what trainings of one model differ by from what the number of objects leaves uncertain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lineshape.engine.measures.measure import Measure
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import inclusive, unit_of, written


@dataclass(frozen=True)
class TrainingsLine:
    """A figure of a model that is the mean of several trainings, as text.

    figure: in words. value: of the mean, with its statistical uncertainty. single: mean over single trainings. spread:
    standard deviation between them.
    """

    label: str
    figure: str
    value: str
    single: str
    spread: str


def trainings_lines(
    rows: list[Row], sample: str, name: str, measure: Measure, labels: Mapping[str, str]
) -> Sequence[TrainingsLine]:
    """Return the figures of a measure's headline for each model that is the mean of several trainings.

    labels: labels of the models, in order.
    """
    found = []
    for model, label in labels.items():
        for figure in measure.headline.values():
            row = inclusive(rows, sample, model, name, figure)
            if row and row.training_mean is not None and row.training_spread is not None:
                single = replace(row, value=row.training_mean, uncertainty=row.training_spread)
                mean, _, spread = written(single, unit=False).partition(" ± ")
                unit = f" {unit_of(row)}" if unit_of(row) else ""
                name_of = measure.in_words(figure)
                found.append(TrainingsLine(label, name_of, written(row), mean + unit, (spread or "0") + unit))
    return found
