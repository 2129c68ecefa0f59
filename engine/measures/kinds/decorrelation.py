"""Measure whether a score depends on a column that it should be independent of."""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot
from lineshape.engine.measures.scores import Classes, usable

Floats = NDArray[np.float64]


class Decorrelation(Measure):
    """Unbiased squared distance correlation of the score with a column, for all objects and for each class.

    Its mean is 0 where the two are independent, for any number of objects, so a value may be slightly below 0. It is
    computed from binned values: at the centres of their bins, and at the outer edges for underflow and overflow. Of
    weighted objects, the correction for their number takes the effective one.

    `truth` is a column that numbers the classes. Source: G. Székely and M. Rizzo, Annals of Statistics 42 (2014) 2382,
    for the unbiased form.
    """

    classes: Names
    """Names of the classes, in the order of their numbers from 0."""
    column: str
    """Column that the score should be independent of."""
    bins: Binning
    """Bins of the column."""
    score: Binning = Binning(low=0, high=1, bins=50)
    """Bins of the score; the default suits a probability."""
    title: str = "Correlation with the score"
    """Heading of the measure's table in the report."""

    @property
    def note(self) -> str:
        """Explanation of the figure."""
        return (
            f"dCorr² is the unbiased squared distance correlation of score and {self.column}, 0 for independent ones."
        )

    @property
    def headline(self) -> dict[str, str]:
        """The correlation of all objects, and of each class."""
        return {"dCorr², all": "distance_correlation"} | {name: f"distance_correlation_{name}" for name in self.classes}

    figure_words: ClassVar[Mapping[str, str]] = {
        "distance_correlation": "distance correlation squared",
        r"distance_correlation_(.+)": r"distance correlation squared, \1",
    }

    def columns(self) -> list[str]:
        """Return the column of classes and the column of the correlation."""
        return [self.truth, self.column]

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return a histogram of score and column by class."""
        axes = self.score.axis("Score", "score"), self.bins.axis(column_metadata[self.column].title)
        told = Classes(tuple(self.classes), "").axis()
        return {"both": hist.Hist(*axes, told, group_axis(), storage=self.storage(column_metadata))}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects with a class, a score and a value of the column."""
        column = np.asarray(objects.columns[self.column], dtype=np.float64)
        good = usable(objects, self.truth, len(self.classes)) & np.isfinite(column)
        label = objects.columns[self.truth][good]
        objects.chosen(good).fill(histograms["both"], objects.prediction.estimate[good], column[good], label)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return distance_correlation, and distance_correlation_CLASS."""
        histogram = histograms["both"]
        counts = by_group(histogram)[..., 1:-1]
        centres = [_centres(axis) for axis in histogram.axes[:2]]
        parts = {"": counts.map(lambda values: values.sum(axis=-1))}
        parts |= {f"_{name}": counts[..., i] for i, name in enumerate(self.classes)}
        found = []
        for ending, part in parts.items():
            entries = int(part.entries())
            if entries >= statistics.FEW:
                # The unbiased form takes numbers of objects: weights are scaled to add up to the effective number.
                read = partial(distance_correlation, x=centres[0], y=centres[1])
                value, error = statistics.jackknife(part.values / part.unit, read)
                found.append(Figure(f"distance_correlation{ending}", float(value), float(error), "", entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return no plots: the table suffices."""
        return []


def _centres(axis: hist.axis.Regular) -> Floats:
    """Return the centres of the bins with flow bins, which are taken to lie at the outer edges."""
    edges = np.asarray(axis.edges)
    return np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])


def distance_correlation(counts: Floats, x: Floats, y: Floats) -> Floats:
    """Return the unbiased dCorr², (samples,), of (samples, x bins, y bins) entries at values x and y.

    NaN where x or y is constant.
    """
    a, b = np.abs(x[:, np.newaxis] - x), np.abs(y[:, np.newaxis] - y)
    found = []
    for cells in counts:
        of_x, of_y = cells.sum(axis=1), cells.sum(axis=0)
        both = _unbiased(((a @ cells @ b) * cells).sum(), a @ of_x, b @ of_y, cells)
        first = _unbiased(of_x @ a**2 @ of_x, a @ of_x, a @ of_x, np.diag(of_x))
        second = _unbiased(of_y @ b**2 @ of_y, b @ of_y, b @ of_y, np.diag(of_y))
        found.append(both / np.sqrt(first * second) if first > 0 and second > 0 else np.nan)
    return np.array(found)


def _unbiased(products: float, a: Floats, b: Floats, cells: Floats) -> float:
    """Return the unbiased squared distance covariance.

    products: Σ a_ij b_ij. a, b: sums a_i and b_i of rows. cells: (x bins, y bins) entries.
    """
    n = cells.sum()
    rows = a @ cells @ b
    total = (cells.sum(axis=1) @ a) * (cells.sum(axis=0) @ b)
    return float((products - 2 / (n - 2) * rows + total / ((n - 1) * (n - 2))) / (n * (n - 3)))
