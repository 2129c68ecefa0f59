"""Measure whether a learnt variable is a known one, up to a monotone function."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Self

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.kinds.decorrelation import distance_correlation
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Map, Plot, Series

Floats = NDArray[np.float64]

#: Number of bins of equal content in which ranks are counted.
_RANKS: Final = 200
#: Number of bins of the learnt variable, and of the known variable's range.
_BINS: Final = 60
#: Shares of objects below the edges between two ranks.
_INNER: Final = np.linspace(0, 1, _RANKS + 1)[1:-1]
#: Number of objects after which no more are read to find the ranks.
_MOST: Final = 2_000_000


class Agreement(Measure):
    """Rank correlation and distance correlation of an estimate with a known variable, and distributions of both.

    An estimate is learnt up to a monotone function. Therefore ranks are compared, in bins of equal content that are
    found on the validation split, and in plots the variable is the share of objects below it, turned to grow with the
    known one. (Its own values may separate a few objects widely, and most of them hardly.)

    `truth` is one of the parameters.
    """

    known: str
    """Column of the known variable."""
    at: list[dict[str, float]] = []
    """Points of the parameters, such as [{mA: 200, mC: 50}], at which the distributions of both variables are drawn.
    All points have the same parameters; empty for no such plots.
    """
    window: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Largest distance of an object's parameters from a point, as a share of the point's values."""
    title: str = "Agreement"
    """Heading of the measure's tables and plots in the report."""

    calibrates: ClassVar[bool] = True

    @model_validator(mode="after")
    def _points_are_alike(self) -> Self:
        for point in self.at:
            if not point or point.keys() != self.at[0].keys():
                raise ValueError("at: expected points of the same parameters, such as [{mA: 200, mC: 50}]")
        return self

    @property
    def note(self) -> str:
        """Explanation of the figures."""
        return (
            f"Correlations of the variable with {self.known}: of ranks (Spearman), and dCorr², the unbiased squared "
            "distance correlation of ranks: 0 for independent ones, 1 where one is a monotone function of the other."
        )

    @property
    def headline(self) -> dict[str, str]:
        """The two correlations."""
        return {"|Spearman|": "spearman", "dCorr²": "distance_correlation"}

    figure_words: ClassVar[Mapping[str, str]] = {
        "spearman": "rank correlation (Spearman), absolute",
        "distance_correlation": "distance correlation squared of the ranks",
    }

    def columns(self) -> list[str]:
        """Return the columns of the known variable and of the parameters."""
        return list(dict.fromkeys([self.truth, self.known, *(self.at[0] if self.at else ())]))

    def calibration_settings(self) -> dict[str, Any]:
        """Return the known variable."""
        return {"known": self.known}

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Return the edges of the ranks, and whether the variable grows with the known one."""
        parts: list[Floats] = []
        for part in objects:
            parts.append(np.stack(_both(part, self.known)[0]))
            if sum(each.shape[1] for each in parts) > _MOST:
                break
        variable, known = np.concatenate(parts, axis=1)
        if not len(variable):
            return {"variable": [0.0] * (_RANKS - 1), "known": [0.0] * (_RANKS - 1), "rises": True}
        edges = {name: np.quantile(values, _INNER) for name, values in {"variable": variable, "known": known}.items()}
        ranks = [np.searchsorted(edges[name], values) for name, values in (("variable", variable), ("known", known))]
        rises = float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean()))) >= 0
        return {**{name: values.tolist() for name, values in edges.items()}, "rises": rises}

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of both variables' ranks, of the variable over the known one, and of both at each point."""
        place = hist.axis.Regular(_BINS, 0, 1, name="variable", label="Variable")
        known = hist.axis.Regular(
            _BINS,
            column_metadata[self.known].low,
            column_metadata[self.known].high,
            name="known",
            label=column_metadata[self.known].title,
        )
        ranks = [hist.axis.Integer(0, _RANKS, name=name, flow=False) for name in ("rank", "known_rank")]
        found = {"ranks": hist.Hist(*ranks, group_axis(), storage=self.storage(column_metadata))}
        found["map"] = hist.Hist(known, place, group_axis(), storage=self.storage(column_metadata))
        if self.at:
            point = hist.axis.Integer(0, len(self.at), name="point", flow=False)
            found["variable_at"] = hist.Hist(place, point, group_axis(), storage=self.storage(column_metadata))
            found["known_at"] = hist.Hist(known, point, group_axis(), storage=self.storage(column_metadata))
        return found

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects that have both variables."""
        (variable, known), good = _both(objects, self.known)
        entries, calibration = objects.chosen(good), objects.calibration
        ranks = np.searchsorted(calibration["variable"], variable), np.searchsorted(calibration["known"], known)
        entries.fill(histograms["ranks"], *ranks)
        below = np.interp(variable, calibration["variable"], _INNER)
        place = below if calibration["rises"] else 1 - below
        entries.fill(histograms["map"], known, place)
        for number, point in enumerate(self.at):
            values = {name: np.asarray(objects.columns[name])[good] for name in point}
            near = np.all([np.abs(values[name] - at) <= self.window * abs(at) for name, at in point.items()], axis=0)
            entries.only(near).fill(histograms["variable_at"], place[near], number)
            entries.only(near).fill(histograms["known_at"], known[near], number)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return spearman, the absolute rank correlation, and distance_correlation of the ranks."""
        counts = by_group(histograms["ranks"])
        entries = int(counts.entries())
        if entries < statistics.FEW:
            return []
        read = {"spearman": spearman, "distance_correlation": _distance}
        # The unbiased distance correlation takes numbers of objects, of weighted ones the effective number.
        found = {name: statistics.jackknife(counts.values / counts.unit, each) for name, each in read.items()}
        return [Figure(name, float(value), float(error), "", entries) for name, (value, error) in found.items()]

    def plots(self, measured: Measured) -> list[Plot]:
        """Return for each model the map and distributions at the points, and once those of the known variable."""
        found: list[Plot] = []
        known = measured.column_metadata[self.known].title
        for model, histograms in measured.histograms.items():
            counts = by_group(histograms["map"])[:, 1:-1, 1:-1].values.sum(axis=0)
            if not counts.any():
                continue
            label = measured.labels[model]
            x, y = (np.asarray(axis.edges) for axis in histograms["map"].axes[:2])
            most = counts.max(axis=1, keepdims=True)
            share = np.divide(counts, most, out=np.full_like(counts, np.nan), where=counts > 0)
            plane = Map(x, y, share, np.zeros_like(share), "Events, over the most in their column", (0, 1), told=False)
            plain, title = measured.column_metadata[self.known].plain, f"{label}, share of events below"
            caption = f"{label} against {plain}, on the test split, as the share of events that are below it."
            found.append(Plot(f"map_{model}", self.title, caption, known, title, [], plane=plane))
            if self.at:
                found.append(self._at(model, histograms["variable_at"], title, label))
        if found and self.at:
            first = next(iter(measured.histograms.values()))
            found.append(self._at("known", first["known_at"], known, measured.column_metadata[self.known].plain))
        return found

    def _at(self, name: str, histogram: hist.Hist[Any], axis: str, label: str) -> Plot:
        """Return a plot of the distributions at the points, each normalised to one."""
        edges = np.asarray(histogram.axes[0].edges)
        contents = by_group(histogram)[:, 1:-1]
        counts, uncertainty = contents.values.sum(axis=0), contents.errors()
        series = []
        for number, point in enumerate(self.at):
            total = counts[:, number].sum() or 1.0
            text = ", ".join(f"{parameter} = {value:g}" for parameter, value in point.items())
            errors = uncertainty[:, number] / total
            series.append(Series(f"point {number}", text, edges, counts[:, number] / total, errors, "steps"))
        caption = f"{label} of events whose parameters are within {100 * self.window:g} % of the points."
        return Plot(f"at_{name}", self.title, caption, axis, "Fraction of events", series)


def _both(objects: Objects, known: str) -> tuple[tuple[Floats, Floats], NDArray[np.bool_]]:
    """Return estimate and known variable of the objects that have both, and which they are; none for vectors."""
    column = np.asarray(objects.columns[known], dtype=np.float64)
    variable = np.asarray(objects.prediction.estimate, dtype=np.float64)
    if variable.ndim > 1:
        variable = np.full(len(column), np.nan)
    good = np.isfinite(variable) & np.isfinite(column)
    return (variable[good], column[good]), good


def _middle(counts: Floats) -> Floats:
    """Return the mean rank (samples, bins) of the entries in each bin, from the contents (samples, bins)."""
    return np.asarray(np.cumsum(counts, axis=1) - counts / 2)


def spearman(counts: Floats) -> Floats:
    """Return the absolute rank correlation of (samples, ranks, ranks) entries; all entries of a bin have one rank."""
    of_x, of_y = counts.sum(axis=2), counts.sum(axis=1)
    total = of_x.sum(axis=1)
    x, y = (_middle(each) - (total / 2)[:, np.newaxis] for each in (of_x, of_y))
    product = np.einsum("sij,si,sj->s", counts, x, y)
    widths = np.sqrt((of_x * x**2).sum(axis=1) * (of_y * y**2).sum(axis=1))
    return np.abs(statistics.divided(product, widths))


def _distance(counts: Floats) -> Floats:
    ranks = np.arange(counts.shape[1], dtype=np.float64)
    return distance_correlation(counts, ranks, ranks)
