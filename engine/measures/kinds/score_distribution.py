"""Measure the distribution of the score of each class, on the training and on the test split."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

import hist
import numpy as np
from pydantic import Field

from lineshape.engine.core.contents import Contents
from lineshape.engine.core.equal_bins import within_range
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.split import SplitName
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.measures.scores import Classes, usable
from lineshape.engine.measures.tagging_plots import sentence

_SPLITS: Final[tuple[SplitName, ...]] = ("training", "test")
#: Number of expected entries below which a bin is left out of χ².
_FEW: Final = 10


class ScoreDistribution(Measure):
    """Normalised score by class on the training and test splits; where the two disagree, the model is overfitted.

    `truth` is a column that numbers the classes.
    """

    classes: list[str]
    """Names of the classes, in the order of their numbers from 0."""
    low: float = 0.0
    """Lower edge of the scores."""
    high: float = 1.0
    """Upper edge of the scores; scores above it count in the last bin. The default suits a probability."""
    bins: int = Field(50, gt=0)
    """Number of equal bins of the score."""
    title: str = "Scores"
    """Heading of the measure's tables and plots in the report."""

    splits: ClassVar[tuple[SplitName, ...]] = _SPLITS
    figure_words: ClassVar[Mapping[str, str]] = {
        r"training_test_chi2_(.+)": r"χ² per degree of freedom between training and test, \1"
    }

    def columns(self) -> list[str]:
        """Return the column of classes."""
        return [self.truth]

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return a histogram of score by class for each split."""
        score = hist.axis.Regular(self.bins, self.low, self.high, name="score", label="Score")
        axes = (score, Classes(tuple(self.classes), "").axis(), group_axis())
        return {split: hist.Hist(*axes, storage=self.storage(column_metadata)) for split in _SPLITS}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects with a class and a score."""
        good = usable(objects, self.truth, len(self.classes))
        score = objects.prediction.estimate[good]
        # A probability of 1 belongs to the last bin.
        score = np.where(score < self.low, score, within_range(score, self.low, self.high, self.bins))
        objects.chosen(good).fill(histograms[objects.split], score, objects.columns[self.truth][good])

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return for each class χ² per degree of freedom between the two shapes: about 1 without overfitting."""
        found = []
        for i, name in enumerate(self.classes):
            training, test = (by_group(histograms[split])[..., 1 + i] for split in _SPLITS)
            if not (training.entries() and test.entries()):
                continue
            chi2, degrees = _chi2(training, test)
            if degrees < 1:
                continue
            entries = int(training.entries() + test.entries())
            found.append(Figure(f"training_test_chi2_{name}", chi2, float(np.sqrt(2 / degrees)), "", entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return for each model a plot of the test split as points over the training split as lines."""
        plots = []
        for model, histograms in measured.histograms.items():
            series = []
            for i, name in enumerate(self.classes):
                for split in _SPLITS:
                    histogram = histograms[split]
                    counts = by_group(histogram)[:, 1:-1, 1 + i]
                    edges, fraction = np.asarray(histogram.axes[0].edges), counts.values.sum(axis=0) / counts.total
                    label, errors = f"{sentence(name)}, {split}", counts.errors() / counts.total
                    one = Series(name, label, edges, fraction, errors, "steps")
                    series.append(one if split == "training" else replace(one, style="points"))
            label = measured.labels[model]
            caption = f"{label}: score of each class on the training split (lines) and the test split (points)."
            plots.append(Plot(f"scores_{model}", self.title, caption, f"Score, {label}", "Fraction of objects", series))
        return plots


def _chi2(training: Contents, test: Contents) -> tuple[float, int]:
    """Return χ² per degree of freedom of two distributions (groups, bins) of any totals, and the degrees of freedom."""
    n, m = training.values.sum(axis=0), test.values.sum(axis=0)
    share = m.sum() / n.sum()
    if training.are_weighted:
        filled = np.minimum(training.entries(0), test.entries(0)) >= _FEW
        variance = share**2 * training.squares.sum(axis=0) + test.squares.sum(axis=0)
        terms = (share * n - m)[filled] ** 2 / variance[filled]
    else:
        filled = np.minimum(n * share, m) >= _FEW
        n, m = n[filled], m[filled]
        # Of counts with totals N and M: Σ (√(M/N) n − √(N/M) m)² / (n + m).
        terms = (np.sqrt(share) * n - m / np.sqrt(share)) ** 2 / (n + m)
    degrees = int(filled.sum()) - 1
    return (float(terms.sum()) / degrees if degrees > 0 else np.nan), degrees
