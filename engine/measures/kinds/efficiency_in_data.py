"""Measure the efficiency of a cut on the score in data, by template fits of what passes and what fails."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.row_selection import Condition, meeting
from lineshape.engine.core.settings import Names
from lineshape.engine.core.statistics import are_values_alone
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, group_axis
from lineshape.engine.measures.plots import Plot, Series

Floats = NDArray[np.float64]
#: Value and uncertainty.
Found = tuple[float, float]
#: Entries of data in a bin below which nothing is fitted.
_FEW = 50


class EfficiencyInData(Measure):
    """Efficiency of a cut on the score for the signal in data, and its ratio to that in simulation, the scale factor.

    In each bin, the distributions of a column for objects that pass and that fail are fitted together by those of
    simulated signal and background, four yields in all, with the statistical uncertainty of the templates
    (iminuit's Template; H. Dembinski and A. Abdelmotteleb, Eur. Phys. J. C 82 (2022) 1043). The efficiency is the
    share of the signal that passes.
    """

    truth: Literal[""] = ""
    """Nothing: data have none."""
    column: str
    """Column that is fitted, such as a mass, which should not depend on the score."""
    fit: Binning
    """Its bins."""
    by: str
    """Column of the bins that efficiencies are given in, such as a transverse momentum."""
    edges: Annotated[list[float], Field(min_length=2)]
    """Rising edges of these bins, in the column's unit."""
    efficiency: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the simulated signal that passes, which the threshold is found by on the validation split."""
    where: dict[str, Condition] = {}
    """Conditions on columns; empty: all objects."""
    signal: Annotated[Names, Field(min_length=1)]
    """Samples of the objects whose efficiency it is."""
    data: Names = []
    """Samples of data; empty: those with `data: true`."""
    simulation: Names = []
    """Samples of simulation; empty: all others. Those that are no signal are background."""
    title: str = "Efficiency in data"
    """Heading of the measure's tables and plots in the report."""

    @field_validator("edges")
    @classmethod
    def _edges_rise(cls, edges: list[float]) -> list[float]:
        if sorted({*edges}) != edges:
            raise ValueError(f"expected edges that rise, found {edges}")
        return edges

    of_all_samples: ClassVar[bool] = True
    calibrates: ClassVar[bool] = True
    figure_words: ClassVar[Mapping[str, str]] = {
        "efficiency_in_data": "efficiency in data",
        "efficiency_in_simulation": "efficiency in simulation",
        "scale_factor": "scale factor, efficiency in data over simulation",
    }

    @property
    def headline(self) -> dict[str, str]:
        """Headings of the efficiencies and the scale factor."""
        return {
            "in data": "efficiency_in_data",
            "in simulation": "efficiency_in_simulation",
            "scale factor": "scale_factor",
        }

    @property
    def lacking(self) -> str:
        """Reason why there may be no row."""
        return "there are too few data to fit"

    def columns(self) -> list[str]:
        """Return the columns that are fitted, binned and cut on."""
        return list(dict.fromkeys([self.column, self.by, *self.where]))

    def named_samples(self) -> list[str]:
        """Return the samples that the settings name."""
        return [*self.samples, *self.signal, *self.data, *self.simulation]

    def reference(self, samples: Sequence[str]) -> str:
        """Return the sample that the threshold is found on: the first of the signal."""
        return next((name for name in self.signal if name in samples), samples[0])

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Return the threshold that the share of the signal passes."""
        scores, weights = [], []
        for each in objects:
            score = each.prediction.estimate
            kept = np.isfinite(score) & meeting(self.where, each.columns, len(score))
            scores.append(score[kept])
            weights.append(np.ones(int(kept.sum())) if each.weight is None else each.weight[kept])
        score, weight = np.concatenate(scores), np.concatenate(weights)
        if not len(score) or not weight.sum() > 0:
            raise RunError(f"{self.told_of}: no object of {self.signal[0]} has a score on the validation split")
        order = np.argsort(-score)
        passed = np.cumsum(weight[order]) / weight.sum()
        place = min(int(np.searchsorted(passed, self.efficiency)), len(score) - 1)
        return {"threshold": float(score[order][place])}

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return the histogram of sample, whether it passes, the fitted column, and the bins."""
        sample = hist.axis.StrCategory([*self.data, *self.simulation], name="of")
        passed = hist.axis.Integer(0, 2, name="passed", flow=False)
        label = column_metadata[self.column].axis().label if self.column in column_metadata else self.column
        bins = hist.axis.Variable(self.edges, name="column", label=self._label(column_metadata))
        axes = (sample, passed, self.fit.axis(label, "x"), bins, group_axis())
        return {"objects": hist.Hist(*axes, storage=self.storage(column_metadata))}

    def _label(self, column_metadata: ColumnMetadata) -> str:
        return str(column_metadata[self.by].axis().label) if self.by in column_metadata else self.by

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects of a sample that takes part."""
        if objects.sample not in {*self.data, *self.simulation}:
            return
        score, value = objects.prediction.estimate, objects.columns[self.column]
        kept = np.isfinite(score) & np.isfinite(value) & meeting(self.where, objects.columns, len(score))
        passed = (score >= objects.calibration["threshold"])[kept].astype(int)
        names = np.full(int(kept.sum()), objects.sample)
        objects.chosen(kept).fill(histograms["objects"], names, passed, value[kept], objects.columns[self.by][kept])

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return efficiencies and scale factor of all objects and in each bin; none where there are too few data."""
        found = []
        bins = [(None, None, slice(None)), *((low, high, slice(i, i + 1)) for i, (low, high) in enumerate(self._bins))]
        for low, high, chosen in bins:
            fitted = self._fitted(histograms["objects"], chosen)
            if fitted is None:
                continue
            data, simulated, entries = fitted
            factor = data[0] / simulated[0]
            error = factor * float(np.hypot(data[1] / data[0], simulated[1] / simulated[0]))
            place = ("", None, None) if low is None else (self.by, low, high)
            for name, (value, uncertainty) in {
                "efficiency_in_data": data,
                "efficiency_in_simulation": simulated,
                "scale_factor": (factor, error),
            }.items():
                found.append(Figure(name, value, uncertainty, "", entries, *place))
        return found

    @property
    def _bins(self) -> list[tuple[float, float]]:
        return list(zip(self.edges, self.edges[1:], strict=False))

    def _fitted(self, histogram: hist.Hist[Any], chosen: slice) -> tuple[Found, Found, int] | None:
        """Return the efficiency in data and in simulation in some bins, and the number of data; None with too few."""
        names = [*histogram.axes[0]]
        values = np.asarray(histogram.values(), dtype=np.float64).sum(axis=-1)[..., chosen].sum(axis=-1)
        weighted = np.asarray(histogram.variances(), dtype=np.float64).sum(axis=-1)[..., chosen].sum(axis=-1)

        def summed(array: Floats, samples: Sequence[str]) -> Floats:
            return np.asarray(sum((array[names.index(name)] for name in samples), np.zeros(array.shape[1:])))

        background = [name for name in self.simulation if name not in self.signal]
        data = summed(values, self.data)
        signal, squares = summed(values, self.signal), summed(weighted, self.signal)
        totals, variances = signal.sum(axis=1), squares.sum(axis=1)
        if data.sum() < _FEW or not (totals > 0).all():
            return None
        others = summed(values, background), summed(weighted, background)
        edges = np.asarray(histogram.axes[2].edges)
        yields = [_signal_yield(data[i], edges, (signal[i], squares[i]), (others[0][i], others[1][i])) for i in (0, 1)]
        if any(each is None for each in yields):
            return None
        failed, passed = (each for each in yields if each is not None)
        simulated = _share(totals[1], totals[0], float(np.sqrt(variances[1])), float(np.sqrt(variances[0])))
        return _share(passed[0], failed[0], passed[1], failed[1]), simulated, int(data.sum())

    def plots(self, measured: Measured) -> list[Plot]:
        """Return the efficiencies and the scale factor of all models against the column of bins."""
        plots = []
        for figure, words in {"efficiency_in_data": "Efficiency in data", "scale_factor": "Scale factor"}.items():
            series = []
            for model, histograms in measured.histograms.items():
                found = {each.low: each for each in self.figures(histograms, {}) if each.figure == figure and each.by}
                values = np.array([found[low].value if low in found else np.nan for low, _ in self._bins])
                errors = np.array([found[low].uncertainty if low in found else np.nan for low, _ in self._bins])
                series.append(Series(model, measured.labels[model], np.asarray(self.edges), values, errors))
            caption = f"{words} of a cut that {self.efficiency:.0%} of the simulated signal passes."
            label = self._label(measured.column_metadata)
            reference = 1.0 if figure == "scale_factor" else None
            plots.append(Plot(figure, self.title, caption, label, words, series, reference=reference))
        return plots


def _share(passed: float, failed: float, passed_error: float, failed_error: float) -> Found:
    """Return passed/(passed + failed) with its uncertainty, of independent yields."""
    total = passed + failed
    error = float(np.hypot(failed * passed_error, passed * failed_error)) / total**2
    return float(passed / total), error


def _signal_yield(
    data: Floats, edges: Floats, signal: tuple[Floats, Floats], background: tuple[Floats, Floats]
) -> Found | None:
    """Return the fitted yield of the signal with its uncertainty; None where no fit converges.

    signal, background: sums of weights and of squared weights of the templates.
    """
    from iminuit import Minuit
    from iminuit.cost import Template

    parts = [np.stack(part, axis=-1) for part in (signal, background) if part[0].sum() > 0]
    names = ["s", "b"][: len(parts)]
    # Bins without data and simulation say nothing.
    cost = Template(data, edges, parts, name=names, method="da")
    total = float(data.sum())
    fit = Minuit(cost, **dict.fromkeys(names, total / len(names)))
    fit.limits = (0, 3 * total)
    fit.strategy = 0 if are_values_alone() else 1
    fit.migrad()
    if not fit.valid:
        return None
    if not are_values_alone():
        fit.hesse()
    value, error = float(fit.values["s"]), float(fit.errors["s"])
    # The size of a template is no part of it: its statistical uncertainty is that of the simulated efficiency.
    size = value * np.sqrt(signal[1].sum()) / signal[0].sum()
    return value, float(np.sqrt(max(error**2 - size**2, 0.0)))
