"""Find by how much variations shift each figure, with statistical uncertainties, and what that adds up to."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.histograms import without_group
from lineshape.engine.core.statistics import GROUPS
from lineshape.engine.measures.measure import Measure
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.row import Row
from lineshape.engine.results.summary import figures_of
from lineshape.engine.variations.variation import Direction

#: Sample, model, measure, figure, column, and edges of its bin.
Key = tuple[str, str, str, str, str, float | None, float | None]
#: Column and edges of an inclusive figure.
_INCLUSIVE: Final = ("", None, None)
#: Relative size of differences that are of rounding alone.
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class FigureShift:
    """Difference of a figure between a variation and the job itself.

    Sample to high: what the figure is of, as in a row of the summary. value: the varied figure; shift: less the
    nominal one; None where either is not finite. uncertainty: statistical one of the shift, from the same events. lost:
    whether the variation lacks entries that are there without it, so that the events are not the same.
    """

    variation: str
    direction: Direction
    sample: str
    model: str
    measure: str
    figure: str
    by: str
    low: float | None
    high: float | None
    value: float | None
    shift: float | None
    uncertainty: float | None
    lost: bool = False

    @property
    def key(self) -> Key:
        """Sample, model, measure, name and bin of the figure."""
        return self.sample, self.model, self.measure, self.figure, self.by, self.low, self.high


def key_of(row: Row) -> Key:
    """Return what the figure of a row is of; of an inclusive one without the range of bins that it is a mean over."""
    place = (row.by, row.low, row.high) if row.by else _INCLUSIVE
    return row.sample, row.model, row.measure, row.figure, *place


@dataclass(frozen=True)
class Replicates:
    """Values of figures (1 + groups,): of everything, and without each group of the jackknife.

    bins: the bins that an inclusive figure is a mean over, as its range and what is left out of it.
    """

    values: dict[Key, NDArray[np.float64]] = field(default_factory=dict)
    bins: dict[Key, tuple[float | None, float | None, str]] = field(default_factory=dict)

    def over_other_bins(self, other: "Replicates") -> list[Key]:
        """Return the figures that are means over other bins in others."""
        return [key for key, bins in self.bins.items() if other.bins.get(key, bins) != bins]

    def lacking(self, whole: "Replicates") -> list[Key]:
        """Return the figures that others have on the same samples, models and measures, and that are not here."""
        here = {key[:3] for key in self.values}
        finite = {key for key, values in self.values.items() if math.isfinite(values[0])}
        return [
            key
            for key, values in whole.values.items()
            if key[:3] in here and math.isfinite(values[0]) and key not in finite
        ]


def replicates_of(
    performance: Performance, measures: Mapping[str, Measure], baseline: str, subjects: Iterable[str]
) -> Replicates:
    """Return the values of all figures of samples and groups, and of the same without one group each."""
    found = Replicates()
    with statistics.values_alone():
        for sample in subjects:
            for name, measure in measures.items():
                for number, one in enumerate(_without_each(performance, sample, name)):
                    for model in performance.models:
                        for each in figures_of(one, sample, model, name, measure, baseline):
                            if re.fullmatch(measure.unvaried or "-", each.figure):
                                continue
                            place = (each.by, each.low, each.high) if each.by else _INCLUSIVE
                            key = sample, model, name, each.figure, *place
                            found.values.setdefault(key, np.full(GROUPS + 1, np.nan))[number] = each.value
                            if not number and not each.by:
                                found.bins[key] = each.low, each.high, each.remark
    return found


def _without_each(performance: Performance, sample: str, measure: str) -> Iterator[Performance]:
    """Yield the histograms of a measure on a sample or group, and then without one group of the jackknife each."""
    models = performance.models
    summed = {
        f"{model}/{measure}/{name}": each
        for model in models
        for name, each in performance.of(sample, model, measure).items()
    }
    members = replace(performance.subjects, members=dict(performance.subjects.members) | {sample: (sample,)})
    for group in (None, *range(GROUPS)):
        histograms = {name: without_group(each, group) for name, each in summed.items()}
        yield replace(performance, samples={sample: histograms}, subjects=members)


def shifts_of(
    variation: str,
    direction: Direction,
    nominal: Replicates,
    varied: Replicates,
    same_events: bool = True,
    lost: bool = False,
) -> list[FigureShift]:
    """Return the shift of each figure of a variation.

    same_events: whether both are of the same events, by which their statistical uncertainties are correlated.
    """
    found = []
    for key, values in varied.values.items():
        own = nominal.values.get(key, np.full_like(values, np.nan))
        differences = values - own
        # Sums of other weights are rounded otherwise.
        differences[np.abs(differences) < _ROUNDING * np.abs(values)] = 0.0
        spread = _spread(differences) if same_events else math.hypot(_spread(own), _spread(values))
        numbers = (float(values[0]), float(differences[0]), spread)
        value, shift, error = (each if math.isfinite(each) else None for each in numbers)
        found.append(FigureShift(variation, direction, *key, value, shift, error, lost))
    return found


def _spread(values: NDArray[np.float64]) -> float:
    """Return the jackknife's uncertainty, NaN where a figure is missing without one of the groups."""
    return float(statistics.spread_of(values[1:]))


def both_directions(shifts: Sequence[FigureShift]) -> dict[str, dict[Key, tuple[float, float]]]:
    """Return the shifts up and down of each figure, by variation: the opposite of up where that is all there is."""
    found: dict[str, dict[Key, tuple[float, float]]] = {}
    directions: dict[str, set[Direction]] = {}
    for each in shifts:
        directions.setdefault(each.variation, set()).add(each.direction)
    for each in shifts:
        if each.shift is None:
            continue
        own = found.setdefault(each.variation, {})
        up, down = own.get(each.key, (0.0, 0.0))
        if len(directions[each.variation]) == 1:
            own[each.key] = each.shift, -each.shift
        else:
            own[each.key] = (each.shift, down) if each.direction == "up" else (up, each.shift)
    return found


def systematic_of(shifts: Sequence[FigureShift], parameters: Mapping[str, str]) -> dict[Key, float]:
    """Return the systematic uncertainty of each figure that is varied: the larger direction, in quadrature.

    parameters: for each variation the name of what is uncertain; variations of the same one are added up before.
    """
    together: dict[str, dict[Key, tuple[float, float]]] = {}
    for variation, own in both_directions(shifts).items():
        of = together.setdefault(parameters.get(variation, variation), {})
        for key, (up, down) in own.items():
            before = of.get(key, (0.0, 0.0))
            of[key] = before[0] + up, before[1] + down
    squares: dict[Key, float] = {}
    for of in together.values():
        for key, (up, down) in of.items():
            squares[key] = squares.get(key, 0.0) + max(abs(up), abs(down)) ** 2
    return {key: math.sqrt(value) for key, value in squares.items()}


def with_systematics(rows: Sequence[Row], shifts: Sequence[FigureShift], parameters: Mapping[str, str]) -> list[Row]:
    """Return the rows with the systematic uncertainty of each figure that is varied."""
    found = systematic_of(shifts, parameters)
    return [replace(row, systematic=found.get(key_of(row))) for row in rows]
