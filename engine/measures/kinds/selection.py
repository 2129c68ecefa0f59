"""Measure the resolution that is left when objects are selected by their predicted σ/μ.

σ and μ are taken in the target's own units. (A cut on their ratio in a standardised target would partly select by the
distance from the mean.)
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.kinds.response import EDGES, response_axis, response_of, shape
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot, Series

Floats = NDArray[np.float64]

SPREAD_EDGES = np.geomspace(0.01, 10, 121)
_NAME = "by_spread"


class Selection(Measure):
    """Scan of the threshold on σ/μ, and the line shapes of the objects on either side of its median."""

    title: str = "Selection by σ/μ"
    """Heading of the measure's tables in the report; its plots stand under "Selection by σ/μ"."""

    figure_words: ClassVar[Mapping[str, str]] = {
        "efficiency": "share of objects below the threshold",
        r"half_(\d+)": r"\1 % half-width below the threshold",
        r"half_(\d+)_tightest_half": r"\1 % half-width of the tightest half",
        r"half_(\d+)_tightest_half_over_inclusive": r"\1 % half-width of the tightest half over that of all",
    }

    def columns(self) -> list[str]:
        """Return the column of the truth."""
        return [self.truth]

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return a histogram of response against σ/μ."""
        spread = hist.axis.Variable(SPREAD_EDGES, name="spread", label=r"Predicted $\sigma/\mu$")
        return {_NAME: hist.Hist(spread, response_axis(), group_axis(), storage=self.storage(column_metadata))}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects of a model that predicts a spread."""
        if objects.prediction.spread is None:
            return
        response, good = response_of(objects, self.truth)
        objects.chosen(good).fill(histograms[_NAME], objects.prediction.spread[good], response)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return efficiency and half_68 below each threshold; half_68 of the tightest half, also over the inclusive."""
        counts = by_group(histograms[_NAME])
        entries = int(counts.entries())
        if entries == 0:
            return []
        below = counts.map(lambda values: np.cumsum(values, axis=1)[:, 1:-1])
        width, uncertainty = statistics.jackknife(below.values, lambda c: statistics.half_width(c, EDGES, 0.68))
        passed, weight = below.entries(0, 2), below.values.sum(axis=(0, 2))
        found = []
        for i in np.flatnonzero((passed >= 100) & (np.diff(weight, prepend=0) > 0)):
            efficiency = weight[i] / counts.values.sum()
            error = float(np.sqrt(max(efficiency * (1 - efficiency), 0) / entries))
            below_threshold = partial(
                Figure, unit="", entries=int(passed[i]), by="spread", high=float(SPREAD_EDGES[i + 1])
            )
            found.append(below_threshold("efficiency", float(efficiency), error))
            found.append(below_threshold("half_68", float(width[i]), float(uncertainty[i]), shown="%"))
        tightest, tightest_error = statistics.jackknife(counts.values, tightest_half)
        ratio, ratio_error = statistics.jackknife(counts.values, _tightest_over_inclusive)
        found.append(
            Figure("half_68_tightest_half", float(tightest), float(tightest_error), "", entries // 2, shown="%")
        )
        found.append(Figure("half_68_tightest_half_over_inclusive", float(ratio), float(ratio_error), "", entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return plots of resolution against efficiency, and of the line shapes of the two halves."""
        scans, shapes = [], []
        for model, histograms in measured.histograms.items():
            counts = by_group(histograms[_NAME])
            total = float(counts.entries())
            if total == 0:
                continue
            label = measured.labels[model]
            below = counts.map(lambda values: np.cumsum(values, axis=1)[:, 1:-1])
            width, uncertainty = statistics.jackknife(below.values, lambda c: statistics.half_width(c, EDGES, 0.68))
            share = below.values.sum(axis=(0, 2)) / counts.total
            shown = below.entries(0, 2) > max(100, 0.01 * total)
            scans.append(Series(model, label, share[shown], width[shown], uncertainty[shown], "line"))
            tightest, loosest = halves(counts)
            shapes.append(shape(model, f"{label}, tightest half", tightest))
            shapes.append(shape(model, f"{label}, loosest half", loosest, dashed=True))
        if not scans:
            return []
        return [
            Plot(
                "selection_scan",
                "Selection by σ/μ",
                "Resolution of the objects that a threshold on σ/μ keeps, against the fraction that it keeps.",
                "Efficiency of the threshold on σ/μ",
                "68 % half-width of response",
                scans,
                x_range=(0, 1),
            ),
            Plot(
                "selection_line_shapes",
                "Selection by σ/μ",
                "Line shapes of the half of the objects with the smaller σ/μ (high purity) and of the other half.",
                "Response (estimate / truth)",
                "Fraction of objects / 0.01",
                shapes,
                y_log=True,
                x_range=(0, 2),
            ),
        ]


def halves(counts: Contents) -> tuple[Contents, Contents]:
    """Return responses of the half with the smaller spread and of the other; the bin that holds the median is shared.

    counts: (groups, spread, response). Returns two of (groups, response), of equal sums over all groups.
    """
    entries = counts.values.sum(axis=(0, 2))
    upper = np.cumsum(entries)
    # The share of the entries of each bin of spread that lies below the median.
    inside = np.divide(upper[-1] / 2 - (upper - entries), entries, out=np.zeros_like(entries), where=entries > 0)
    below = np.clip(inside, 0, 1)[:, np.newaxis]
    return (
        counts.map(lambda values: (values * below).sum(axis=1)),
        counts.map(lambda values: values.sum(axis=1) - (values * below).sum(axis=1)),
    )


def tightest_half(counts: Floats) -> Floats:
    """Return half_68 of the half with the smaller spread, (samples,), interpolated linearly in efficiency.

    counts: (samples, spread, response). The interpolation is between the thresholds on either side of the median.
    """
    below = np.cumsum(counts, axis=1)
    efficiency = below.sum(axis=2) / counts.sum(axis=(1, 2))[:, np.newaxis]
    upper = np.maximum((efficiency < 0.5).sum(axis=1), 1)
    rows = np.arange(len(counts))
    low, high = (statistics.half_width(below[rows, i], EDGES, 0.68) for i in (upper - 1, upper))
    start, stop = efficiency[rows, upper - 1], efficiency[rows, upper]
    share = np.divide(0.5 - start, stop - start, out=np.zeros_like(start), where=stop > start)
    return np.asarray(np.where(np.isnan(low), high, low + share * (high - low)))


def _tightest_over_inclusive(counts: Floats) -> Floats:
    return tightest_half(counts) / statistics.half_width(counts.sum(axis=1), EDGES, 0.68)
