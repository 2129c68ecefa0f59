"""Tagging: how well a class is told from others, overall and at thresholds that hold its efficiency flat."""

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
    y: str
    x_bins: Binning
    y_bins: Binning

    @model_validator(mode="after")
    def _has_two_axes(self) -> Self:
        if self.x == self.y:
            raise ValueError(f"x and y are both '{self.x}': expected two columns")
        return self


class Tagging(Measure):
    """ROC curves with their areas; efficiencies of every class at thresholds that keep the signal's flat.

    truth: a column that numbers the classes. classes: their names, from 0 on. signal: one of them. points: the
    thresholds. by: binnings by column, of the efficiencies; the thresholds' own comes by itself. planes: by name.
    bands: by class, what others found. across: whether the efficiencies of all samples are drawn into one plot too.
    """

    classes: Names
    signal: str
    points: Points
    by: dict[str, Binning] = {}
    planes: dict[str, Plane] = {}
    bands: dict[str, tuple[float, float]] = {}
    across: bool = False
    title: str = "Tagging"

    calibrates: ClassVar[bool] = True
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
        """The classes that are told apart."""
        return Classes(tuple(self.classes), self.signal)

    @property
    def binnings(self) -> dict[str, Binning]:
        """Those of the efficiencies, the thresholds' first."""
        return {self.points.column: Binning(edges=self.points.edges)} | self.by

    @property
    def note(self) -> str:
        """What the thresholds are."""
        if len(self.points.edges) == 2:
            return ""
        return (
            f"Thresholds are found for each bin of {self.points.column} so that {100 * self.points.efficiency:g} % of "
            f"{self.signal} pass, on the validation split of one sample, and used for all; what passes at them is a "
            f"mean over these bins, of a class those in which it has {read.FEW} objects or more. An AUC is a share of "
            "pairs of objects that are in the right order."
        )

    @property
    def headline(self) -> dict[str, str]:
        """Areas, and what passes at the thresholds."""
        share = f"{100 * self.points.efficiency:g} %"
        found = {"AUC": "auc", "AUC − baseline": "auc_minus_baseline"}
        for name in self.told.backgrounds:
            found |= {f"{name} at {share}": f"mean_efficiency_{name}", f"AUC {name}": f"auc_{name}"}
        return found

    def columns(self) -> list[str]:
        """The class, and what the thresholds, binnings and planes are of."""
        planes = [name for plane in self.planes.values() for name in (plane.x, plane.y)]
        return list(dict.fromkeys([self.truth, *self.binnings, *planes]))

    def reference(self, samples: Sequence[str]) -> str:
        """The sample that the thresholds are found on; raises RequestError where it is named and not there."""
        if self.points.sample and self.points.sample not in samples:
            raise RequestError(
                f"points: there is no sample '{self.points.sample}' to find thresholds on: "
                f"expected one of {', '.join(samples)}"
            )
        return self.points.sample or samples[0]

    def calibration_settings(self) -> dict[str, Any]:
        """The thresholds' own, and how the signal is known."""
        return self.model_dump(mode="json", include={"points", "truth", "classes", "signal"})

    def named_samples(self) -> list[str]:
        """Those it is of, and the one that the thresholds are found on."""
        return [*self.samples, *([self.points.sample] if self.points.sample else [])]

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """The thresholds."""
        return self.points.find(self._signal(part) for part in objects)

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Scores by class; passed or not by class in each binning and plane."""
        own = (self.told.axis(), hist.axis.Integer(0, 2, name="passed", flow=False), group_axis())
        found = {"roc": hist.Hist(score_axis(_SCORE_BINS), own[0], own[2], storage=hist.storage.Int64())}
        for name, binning in self.binnings.items():
            axis = binning.axis(column_metadata[name].title)
            found[f"by_{name}"] = hist.Hist(axis, *own, storage=hist.storage.Int64())
        for name, plane in self.planes.items():
            x = plane.x_bins.axis(column_metadata[plane.x].title, "x")
            y = plane.y_bins.axis(column_metadata[plane.y].title, "y")
            found[f"plane_{name}"] = hist.Hist(x, y, *own, storage=hist.storage.Int64())
        return found

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Objects with a class and a score; at thresholds those whose bin has one."""
        good = usable(objects, self.truth, len(self.classes))
        score, label = squashed(objects.prediction.estimate), objects.columns[self.truth]
        histograms["roc"].fill(score[good], label[good], objects.group[good])
        threshold = self.points.threshold(dict(objects.calibration), objects.columns[self.points.column])
        good &= np.isfinite(threshold)
        rest = label[good], (score > threshold)[good].astype(np.int64), objects.group[good]
        for name in self.binnings:
            histograms[f"by_{name}"].fill(objects.columns[name][good], *rest)
        for name, plane in self.planes.items():
            x, y = objects.columns[plane.x][good], objects.columns[plane.y][good]
            inside = np.isfinite(x) & np.isfinite(y)
            histograms[f"plane_{name}"].fill(x[inside], y[inside], *(values[inside] for values in rest))

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """AUC against all other classes and each; efficiencies at the thresholds, and rejections over those of others.

        CLASS_at_50: share of a class above the one threshold that half of the signal passes (or as many as
        `points.efficiency` says). efficiency_CLASS: at the thresholds. mean_efficiency_CLASS, mean_rejection_CLASS:
        over the bins of the thresholds with enough objects, each bin counting the same; a rejection is one over an
        efficiency.
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
        """ROC curves, efficiencies by each binning, planes."""
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
        """For each model the efficiencies in all samples."""
        if not self.across or len(measured) < 2:
            return []
        return [
            draw.Efficiency(self.told, label, self.points.column, True, self.bands.get(label)).across(
                measured, model, self.title
            )
            for model in dict.fromkeys(model for each in measured for model in each.histograms)
            for label in self.classes
        ]

    def _signal(self, part: Objects) -> tuple[NDArray[Any], Floats]:
        good = usable(part, self.truth, len(self.classes))
        good &= part.columns[self.truth] == self.classes.index(self.signal)
        return part.columns[self.points.column][good], squashed(part.prediction.estimate[good])
