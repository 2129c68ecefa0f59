"""Measure the response, estimate over truth, as a line shape and in bins of other quantities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.columns import Column
from lineshape.engine.core.contents import Contents
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.measure import (
    BASELINE,
    Better,
    ColumnMetadata,
    Figure,
    Measure,
    Measured,
    Objects,
    by_group,
    group_axis,
)
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.measures.response_figures import core_mean, core_width, mode

Floats = NDArray[np.float64]

#: Bin edges of the response, fine to 2 and wider in the tail: a quantile is read to about a thousandth.
EDGES = np.concatenate([np.linspace(0, 2, 401), np.geomspace(2, 100, 61)[1:]])
_INCLUSIVE = "inclusive"
ESTIMATE = "estimate"

FIGURES: dict[str, Callable[[Floats], Floats]] = {
    "half_68": lambda counts: statistics.half_width(counts, EDGES, 0.68),
    "half_95": lambda counts: statistics.half_width(counts, EDGES, 0.95),
    "median": lambda counts: statistics.quantiles(counts, EDGES, [0.5])[..., 0],
    "mean": lambda counts: statistics.mean(counts, EDGES),
}
#: Further figures, where they are asked for.
MORE: dict[str, Callable[[Floats], Floats]] = {
    "relative_68": lambda counts: statistics.divided(FIGURES["half_68"](counts), FIGURES["median"](counts)),
    "mode": lambda counts: mode(counts, EDGES),
    "core_mean": lambda counts: core_mean(counts, EDGES),
    "core_width": lambda counts: core_width(counts, EDGES),
}
#: Figures that are better where they are lower, which are given over the baseline's, too; the first compares models.
_WIDTHS = ("half_68", "half_95", "relative_68", "core_width")
_TITLES = {
    "relative_68": "68 % half-width over median",
    "mode": "Mode of response",
    "core_mean": "Mean of the Gaussian core of response",
    "core_width": "Width of the Gaussian core of response",
    "half_68": "68 % half-width of response",
    "half_95": "95 % half-width of response",
    "median": "Median response",
    "mean": "Mean response",
}


def response_axis() -> hist.axis.Variable:
    """Return the axis of the response."""
    return hist.axis.Variable(EDGES, name="response", label="Response (estimate / truth)")


class Response(Measure):
    """Line shape, mean, median, 68 % and 95 % resolution of the response, inclusive and in bins of columns."""

    title: str = "Estimate over truth"
    """Heading of the measure's tables in the report; its plots stand under "Line shape", "Closure" and "Resolution"."""
    by: dict[str, Binning] = {}
    """Bins by column; the name `estimate` bins in the model's own estimate. Empty for inclusive figures alone."""
    more: list[Literal["relative_68", "mode", "core_mean", "core_width"]] = []
    """Further figures: half_68 over the median, as widths of responses that are not around 1 cannot be compared; the
    mode; mean and width of the Gaussian core, which is within 1.5 of its widths.
    """

    figure_words: ClassVar[Mapping[str, str]] = {
        "median": "median response",
        "mean": "mean response",
        r"half_(\d+)": r"\1 % half-width",
        r"relative_(\d+)": r"\1 % half-width over the median",
        "core_mean": "mean of the Gaussian core",
        "core_width": "width of the Gaussian core",
    }
    better: ClassVar[Mapping[str, Better]] = {f"{name}_over_baseline": "lower" for name in _WIDTHS}

    @property
    def reads(self) -> dict[str, Callable[[Floats], Floats]]:
        """Figures by name."""
        return FIGURES | {name: MORE[name] for name in self.more}

    @field_validator("by")
    @classmethod
    def _not_all(cls, by: dict[str, Binning]) -> dict[str, Binning]:
        if _INCLUSIVE in by:
            raise ValueError(f"'{_INCLUSIVE}' is the histogram of all objects: give the column another name")
        return by

    @property
    def note(self) -> str:
        """Definition of the widths."""
        return "Half-widths are (q84 − q16)/2 and (q97.5 − q2.5)/2 of the response."

    @property
    def headline(self) -> dict[str, str]:
        """Closure and resolution."""
        return {
            "median": "median",
            "68 % half-width": "half_68",
            "95 % half-width": "half_95",
            "68 % / baseline": "half_68_over_baseline",
            "95 % / baseline": "half_95_over_baseline",
            "mean": "mean",
            **({"68 % / median": "relative_68"} if "relative_68" in self.more else {}),
            **({"mode": "mode"} if "mode" in self.more else {}),
        }

    def columns(self) -> list[str]:
        """Return the column of the truth and the columns to bin in."""
        return [self.truth, *(name for name in self.by if name != ESTIMATE)]

    def not_columns(self) -> list[str]:
        """Return the name of the model's own estimate, where it is binned in."""
        return [ESTIMATE] if ESTIMATE in self.by else []

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return one histogram of response for all objects and one for each binning."""
        found = {_INCLUSIVE: hist.Hist(response_axis(), group_axis(), storage=self.storage(column_metadata))}
        for name, binning in self.by.items():
            axis = binning.axis(self._metadata(name, column_metadata).title)
            found[name] = hist.Hist(axis, response_axis(), group_axis(), storage=self.storage(column_metadata))
        return found

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add estimate over truth of each object that has both."""
        response, good = response_of(objects, self.truth)
        entries = objects.chosen(good)
        entries.fill(histograms[_INCLUSIVE], response)
        for name in self.by:
            values = objects.prediction.estimate if name == ESTIMATE else objects.columns[name]
            entries.fill(histograms[name], values[good], response)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return the figures, and widths over the baseline's if the objects are the same."""
        found = []
        for by, histogram in histograms.items():
            counts, reference = by_group(histogram), by_group(references.get(BASELINE, histograms)[by])
            for figure, (value, uncertainty) in _all_figures(self.reads, counts, reference):
                entries = counts.entries(0, -1)
                ratio = figure.endswith("_over_baseline")
                shown: Literal["", "%"] = "%" if figure in _WIDTHS else ""
                if by == _INCLUSIVE:
                    if entries > 0 and not (ratio and np.isnan(value)):
                        found.append(Figure(figure, float(value), float(uncertainty), "", int(entries), shown=shown))
                    continue
                edges = histogram.axes[0].edges
                found += [
                    Figure(
                        figure,
                        float(value[i]),
                        float(uncertainty[i]),
                        "",
                        int(entries[i]),
                        by,
                        float(edges[i - 1]),
                        float(edges[i]),
                        shown=shown,
                    )
                    for i in range(1, len(edges))
                    if entries[i] > 0 and not (ratio and np.isnan(value[i]))
                ]
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return plots of the line shape, and of every figure in every binning; widths have a ratio to the baseline."""
        return [*line_shapes(measured, _INCLUSIVE), *self._binned_plots(measured)]

    def _binned_plots(self, measured: Measured) -> Iterator[Plot]:
        for by, binning in self.by.items():
            axes = next(iter(measured.histograms.values()))[by].axes
            edges = np.asarray(axes[0].edges)
            metadata = self._metadata(by, measured.column_metadata)
            for figure, read in self.reads.items():
                series: list[Series] = []
                width = figure in _WIDTHS
                for model, histograms in measured.histograms.items():
                    counts = by_group(histograms[by])
                    value, uncertainty = statistics.with_uncertainty(counts, read)
                    few = counts.entries(0, -1) < 50
                    value = np.where(few, np.nan, value)
                    ratio = None
                    if width and measured.baseline in measured.histograms:
                        reference = by_group(measured.histograms[measured.baseline][by])
                        over, error = over_baseline(counts, reference, read)
                        ratio = (over[1:-1], error[1:-1])
                    label = measured.labels[model]
                    series.append(Series(model, label, edges, value[1:-1], uncertainty[1:-1], ratio=ratio))
                yield Plot(
                    f"{figure}_by_{by}",
                    "Resolution" if width else "Closure",
                    f"{_TITLES[figure]} against {metadata.plain}; bins with fewer than 50 objects are left out.",
                    metadata.title,
                    _TITLES[figure],
                    series,
                    ratio_to=measured.baseline if width and by != ESTIMATE else None,
                    names=binning.names,
                    reference=None if width else 1.0,
                    y_range=None if width else (0.85, 1.15),
                )

    def _metadata(self, name: str, column_metadata: ColumnMetadata) -> Column:
        if name == ESTIMATE:
            truth = column_metadata[self.truth]
            return Column("Estimate", truth.unit, truth.low, truth.high)
        return column_metadata[name]


def response_of(objects: Objects, truth: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the response of the objects that have a truth and an estimate, and which they are."""
    true = np.asarray(objects.columns[truth], dtype=np.float64)
    good = (true > 0) & np.isfinite(true) & np.isfinite(objects.prediction.estimate)
    return objects.prediction.estimate[good] / true[good], good


def line_shapes(measured: Measured, name: str) -> list[Plot]:
    """Return plots of the line shape of every model: logarithmic from 0 to 2, and linear around 1."""
    series = []
    for model, histograms in measured.histograms.items():
        counts = by_group(histograms[name])
        series.append(shape(model, measured.labels[model], counts))
    whole = Plot(
        "line_shape",
        "Line shape",
        "Estimate over truth; higher near 1 is better.",
        "Response (estimate / truth)",
        "Fraction of objects / 0.01",
        series,
        y_log=True,
        x_range=(0, 2),
        ratio_to=measured.baseline,
    )
    caption = "The same around 1, on a linear scale."
    return [whole, replace(whole, name="line_shape_zoom", caption=caption, y_log=False, x_range=(0.9, 1.1))]


def shape(key: str, label: str, contents: Contents, dashed: bool = False) -> Series:
    """Return a line shape from (groups, response): fraction of objects in bins of 0.01 from 0 to 2, and uncertainty."""
    inside = contents.map(lambda counts: counts[:, 1:401].reshape(len(counts), 200, 2).sum(axis=2))
    total = contents.total
    fraction = inside.values.sum(axis=0) / total
    return Series(key, label, EDGES[:401:2], fraction, inside.errors() / total, "steps", dashed)


def _all_figures(
    reads: Mapping[str, Callable[[Floats], Floats]], counts: Contents, reference: Contents
) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    """Yield each figure with its uncertainty, and each width over the baseline's."""
    for figure, read in reads.items():
        yield figure, statistics.with_uncertainty(counts, read)
        if figure in _WIDTHS:
            yield f"{figure}_over_baseline", over_baseline(counts, reference, read)


def over_baseline(counts: Contents, reference: Contents, read: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """Return a figure over the baseline's, and its uncertainty; NaN where the objects differ or are few."""
    pair = np.stack([counts.values, reference.values], axis=1)
    value, error = statistics.jackknife(pair, statistics.over(read))
    same = counts.same_as(reference, 0, -1) & (counts.entries(0, -1) >= statistics.FEW)
    return np.where(same, value, np.nan), np.where(same, error, np.nan)
