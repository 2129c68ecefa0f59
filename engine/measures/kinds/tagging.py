"""Measure how well a class is separated from others, overall and at thresholds that give it a flat efficiency."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.measures import tagging_figures as read
from lineshape.engine.measures import tagging_plots as draw
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.measure import Better, ColumnMetadata, Figure, Measure, Measured, Objects, group_axis
from lineshape.engine.measures.plots import Plot
from lineshape.engine.measures.points import Points
from lineshape.engine.measures.scores import Classes, require_others, score_axis, squashed, usable

Floats = NDArray[np.float64]

_SCORE_BINS: Final = 2000


class Plane(Settings):
    """Two columns, such as the masses of a hypothesis, over which the signal's efficiency is mapped."""

    x: str
    """Column of the horizontal axis."""
    y: str
    """Column of the vertical axis."""
    x_bins: Binning
    """Bins of the horizontal axis."""
    y_bins: Binning
    """Bins of the vertical axis."""

    @model_validator(mode="after")
    def _has_two_axes(self) -> Self:
        if self.x == self.y:
            raise ValueError(f"x and y are both '{self.x}': expected two columns")
        return self


class Tagging(Measure):
    """ROC curves and their areas, and efficiencies of every class at thresholds that keep the signal's flat.

    `truth` is a column that numbers the classes.
    """

    classes: Names
    """Names of the classes, in the order of their numbers from 0."""
    signal: str
    """Name of the class that is the signal."""
    points: Points
    """Thresholds: the column in whose bins they are found, and the signal's efficiency."""
    by: dict[str, Binning] = {}
    """Bins of the efficiencies, by column. The bins of the thresholds are there without being named, and are replaced
    where their column is; empty for these alone.
    """
    planes: dict[str, Plane] = {}
    """Planes over which the signal's efficiency is mapped, by name; empty for none."""
    bands: dict[str, tuple[float, float]] = {}
    """Published ranges of efficiencies by class, as (lowest, highest) shares, drawn as bands; empty for none."""
    across: bool = False
    """Whether the efficiencies of all samples are also drawn in one plot, for each model and class."""
    title: str = "Tagging"
    """Heading of the measure's tables and plots in the report."""

    calibrates: ClassVar[bool] = True
    figure_words: ClassVar[Mapping[str, str]] = {
        "auc": "AUC",
        r"auc_(.+)_minus_baseline": r"AUC against \1 less the baseline's",
        r"auc_(?!minus_)(.+)": r"AUC against \1",
        r"efficiency_(.+)": r"efficiency of \1",
        r"mean_efficiency_(.+)": r"efficiency of \1, mean over bins",
        r"mean_rejection_(.+)_over_baseline": r"rejection of \1 over the baseline's, mean over bins",
        r"mean_rejection_(.+)_over_(.+)": r"rejection of \1 over that of \2, mean over bins",
        r"mean_rejection_(.+)": r"rejection of \1, mean over bins",
        r"(.+)_at_(\d+)": r"efficiency of \1 at \2 % signal efficiency, one threshold",
        r"(.+)_(lowest|highest)": r"\2 efficiency over \1",
        r"(.+)_spread": r"spread of the efficiency over \1 beyond statistics",
    }
    better: ClassVar[Mapping[str, Better]] = {"auc_minus_baseline": "higher"}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for key, names in {"signal": [self.signal], "bands": [*self.bands]}.items():
            if unknown := [name for name in names if name not in self.classes]:
                raise ValueError(f"{key}: '{unknown[0]}' is not a class: expected one of {', '.join(self.classes)}")
        require_others(self.classes, self.signal)
        return self

    @property
    def told(self) -> Classes:
        """Names of the classes, and the signal."""
        return Classes(tuple(self.classes), self.signal)

    @property
    def binnings(self) -> dict[str, Binning]:
        """Bins of the efficiencies by column, those of the thresholds first."""
        return {self.points.column: Binning(edges=self.points.edges)} | self.by

    @property
    def note(self) -> str:
        """Explanation of the thresholds; empty where there is one threshold."""
        if len(self.points.edges) == 2:
            return ""
        bins = f"the bins of {self.points.column} in 'by'" if self.points.column in self.by else "these bins"
        return (
            f"Thresholds are found for each bin of {self.points.column} so that {100 * self.points.efficiency:g} % of "
            f"{self.signal} pass, on the validation split of one sample, and used for all; what passes at them is a "
            f"mean over {bins}, of a class those in which it has {read.FEW} objects or more. An AUC is a share of "
            "pairs of objects that are in the right order."
        )

    @property
    def headline(self) -> dict[str, str]:
        """Areas, and efficiencies at the thresholds."""
        share = f"{100 * self.points.efficiency:g} %"
        share += ", in bins" if len(self.points.edges) > 2 else ""
        found = {"AUC": "auc", "AUC − baseline": "auc_minus_baseline"}
        for name in self.told.backgrounds:
            found |= {f"{name} at {share}": f"mean_efficiency_{name}", f"AUC {name}": f"auc_{name}"}
        return found

    def columns(self) -> list[str]:
        """Return the column of classes, and those of the thresholds, binnings and planes."""
        planes = [name for plane in self.planes.values() for name in (plane.x, plane.y)]
        return list(dict.fromkeys([self.truth, *self.binnings, *planes]))

    def reference(self, samples: Sequence[str]) -> str:
        """Return the sample that the thresholds are found on; raise RequestError where it is named and not there."""
        if self.points.sample and self.points.sample not in samples:
            raise RequestError(
                f"points: there is no sample '{self.points.sample}' to find thresholds on: "
                f"expected one of {', '.join(samples)}"
            )
        return self.points.sample or samples[0]

    def calibration_settings(self) -> dict[str, Any]:
        """Return the settings of the thresholds, and those that define the signal."""
        return self.model_dump(mode="json", include={"points", "truth", "classes", "signal", "weighted"})

    def named_samples(self) -> list[str]:
        """Return the samples that are measured, where named, and the one that the thresholds are found on."""
        return [*self.samples, *([self.points.sample] if self.points.sample else [])]

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Return the thresholds."""
        return self.points.find(self._signal(part) for part in objects)

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of scores by class, and of passed or not by class in each binning and plane."""
        own = (self.told.axis(), hist.axis.Integer(0, 2, name="passed", flow=False), group_axis())
        found = {"roc": hist.Hist(score_axis(_SCORE_BINS), own[0], own[2], storage=self.storage(column_metadata))}
        for name, binning in self.binnings.items():
            axis = binning.axis(column_metadata[name].title)
            found[f"by_{name}"] = hist.Hist(axis, *own, storage=self.storage(column_metadata))
        for name, plane in self.planes.items():
            x = plane.x_bins.axis(column_metadata[plane.x].title, "x")
            y = plane.y_bins.axis(column_metadata[plane.y].title, "y")
            found[f"plane_{name}"] = hist.Hist(x, y, *own, storage=self.storage(column_metadata))
        return found

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects with a class and a score; efficiencies take only those in a bin that has a threshold."""
        good = usable(objects, self.truth, len(self.classes))
        score, label = squashed(objects.prediction.estimate), objects.columns[self.truth]
        objects.chosen(good).fill(histograms["roc"], score[good], label[good])
        threshold = self.points.threshold(dict(objects.calibration), objects.columns[self.points.column])
        good &= np.isfinite(threshold)
        rest = label[good], (score > threshold)[good].astype(np.int64)
        entries = objects.chosen(good)
        for name in self.binnings:
            entries.fill(histograms[f"by_{name}"], objects.columns[name][good], *rest)
        for name, plane in self.planes.items():
            x, y = objects.columns[plane.x][good], objects.columns[plane.y][good]
            inside = np.isfinite(x) & np.isfinite(y)
            own = (values[inside] for values in rest)
            entries.only(inside).fill(histograms[f"plane_{name}"], x[inside], y[inside], *own)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return AUCs, efficiencies at the thresholds, and rejections, which are also given over the references'.

        There is an AUC against all other classes together (auc) and against each (auc_CLASS).

        CLASS_at_50: efficiency of a class at the one threshold that half of the signal passes (or the percentage of
        `points.efficiency`). efficiency_CLASS: efficiency at the thresholds. mean_efficiency_CLASS,
        mean_rejection_CLASS: means over the bins of the thresholds' column that have enough objects, with equal
        weights; a rejection is 1/efficiency.
        """
        point = f"by_{self.points.column}"
        found = read.areas(self.told, histograms, references)
        found += read.at_one_threshold(self.told, histograms, self.points.efficiency)
        found += read.means(self.told, point, histograms, references)
        for name in self.binnings:
            found += read.binned(self.told, name, histograms[f"by_{name}"], name == self.points.column)
        for name in self.planes:
            found += read.over_plane(self.told, name, histograms[f"plane_{name}"])
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return plots of ROC curves, efficiencies in each binning, and planes."""
        found = draw.roc_curves(measured, self.title, self.told)
        for name, binning in self.binnings.items():
            for label in self.classes:
                plot = draw.Efficiency(self.told, label, name, name == self.points.column, self.bands.get(label))
                reference = self.points.efficiency if label == self.signal else None
                found.append(plot.of_models(measured, self.title, reference, binning.names))
        for name in self.planes:
            found += draw.planes(measured, self.title, self.told, name)
        return found

    def plots_across(self, measured: Sequence[Measured]) -> list[Plot]:
        """Return plots of the efficiencies in all samples, for each model and class."""
        if not self.across or len(measured) < 2:
            return []
        return [
            draw.Efficiency(self.told, label, self.points.column, True, self.bands.get(label)).across(
                measured, model, self.title
            )
            for model in dict.fromkeys(model for each in measured for model in each.histograms)
            for label in self.classes
        ]

    def _signal(self, part: Objects) -> tuple[NDArray[Any], Floats, Floats | None]:
        good = usable(part, self.truth, len(self.classes))
        good &= part.columns[self.truth] == self.classes.index(self.signal)
        weight = part.weight[good] if part.weight is not None and self.weighted else None
        return part.columns[self.points.column][good], squashed(part.prediction.estimate[good]), weight
