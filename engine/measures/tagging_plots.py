"""Gather the plots of tagging from its histograms."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.measure import Measured
from lineshape.engine.measures.plots import Band, Map, Plot, Series
from lineshape.engine.measures.scores import Classes, efficiencies, efficiency_of
from lineshape.engine.measures.tagging_figures import plane_of

Floats = NDArray[np.float64]

#: Number of objects below which a bin is not drawn.
_FEWEST = 10


def roc_curves(measured: Measured, section: str, told: Classes) -> list[Plot]:
    """Return for each other class a plot of its efficiency against the signal's."""
    plots = []
    for name in told.backgrounds:
        series = []
        for model, histograms in measured.histograms.items():
            signal, other = (told.scores(histograms["roc"], each) for each in (told.signal, name))
            if signal.entries() and other.entries():
                x, y = (np.append(efficiencies(each.values.sum(axis=0)), 0.0) for each in (signal, other))
                series.append(Series(model, measured.labels[model], x[::-1], y[::-1], None, "line"))
        plots.append(
            Plot(
                f"roc_{name}",
                section,
                f"Efficiency of {name} against that of {told.signal}, for every threshold; lower is better.",
                sentence(f"{told.signal} efficiency"),
                sentence(f"{name} efficiency"),
                series,
                x_range=(0, 1),
                y_log=True,
                y_range=(1e-3, 1.2),
            )
        )
    return plots


@dataclass(frozen=True)
class Efficiency:
    """Plots of a class's efficiency at the thresholds against a column.

    open_end: whether the last bin includes the overflow. band: published range of efficiencies.
    """

    told: Classes
    label: str
    column: str
    open_end: bool
    band: tuple[float, float] | None = None

    def of_models(self, measured: Measured, section: str, reference: float | None, names: list[str]) -> Plot:
        """Return a plot with one curve for each model."""
        series = [
            self._series(model, measured.labels[model], histograms) for model, histograms in measured.histograms.items()
        ]
        return self._plot(f"efficiency_{self.label}_by_{self.column}", section, measured, series, reference, names)

    def across(self, measured: Sequence[Measured], model: str, section: str) -> Plot:
        """Return a plot of one model with one curve for each sample."""
        series = [
            self._series(each.sample, each.label or each.sample, each.histograms[model])
            for each in measured
            if model in each.histograms
        ]
        name = f"efficiency_{self.label}_across_{model}"
        plot = self._plot(name, section, measured[0], series, None, [])
        label = measured[0].labels[model]
        caption = f"{label}: efficiency of {self.label} in every sample, at the same thresholds."
        return Plot(**vars(plot) | {"caption": caption, "y_label": sentence(f"{self.label} efficiency, {label}")})

    def _series(self, key: str, label: str, histograms: Histograms) -> Series:
        histogram = histograms[f"by_{self.column}"]
        counts = self.told.passed(histogram, self.label, open_end=self.open_end)
        value, error = efficiency_of(counts)
        few = counts.entries(0, 2) < _FEWEST
        edges = np.asarray(histogram.axes[0].edges)
        return Series(key, label, edges, np.where(few, np.nan, value), error)

    def _plot(
        self,
        name: str,
        section: str,
        measured: Measured,
        series: list[Series],
        reference: float | None,
        names: list[str],
    ) -> Plot:
        metadata = measured.column_metadata[self.column]
        end = "; the last bin holds what lies above it too" if self.open_end else ""
        shown = np.concatenate([one.y + one.error for one in series if one.error is not None])
        top = float(np.nanmax(shown)) if np.isfinite(shown).any() else 1.0
        return Plot(
            name,
            section,
            f"Efficiency of {self.label} at the thresholds, against {metadata.plain}{end}.",
            metadata.title,
            sentence(f"{self.label} efficiency"),
            series,
            names=names,
            reference=reference,
            y_range=(0.0, min(1.02, 1.1 * max(top, self.band[1] if self.band else 0.0))),
            bands=[Band(*self.band, "Published")] if self.band else [],
        )


def planes(measured: Measured, section: str, told: Classes, name: str) -> list[Plot]:
    """Return for each model a plot of the signal's efficiency over a plane."""
    plots = []
    for model, histograms in measured.histograms.items():
        histogram = histograms[f"plane_{name}"]
        cells = plane_of(told, histogram)
        value, error = efficiency_of(cells)
        few = cells.entries(0, -1) < _FEWEST
        x, y = histogram.axes[0], histogram.axes[1]
        plots.append(
            Plot(
                f"{name}_{model}",
                section,
                f"{measured.labels[model]}: efficiency of {told.signal} at the thresholds, over the plane.",
                x.label,
                y.label,
                [],
                plane=Map(
                    np.asarray(x.edges),
                    np.asarray(y.edges),
                    np.where(few, np.nan, value),
                    error,
                    sentence(f"{told.signal} efficiency, {measured.labels[model]}"),
                    (0.0, 1.0),
                ),
            )
        )
    return plots


def sentence(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]
