"""Measure response, bias and resolution of a vector in the transverse plane against the true one."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, ClassVar, Final

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures import vector_figures as read
from lineshape.engine.measures.binning import Binning, covered
from lineshape.engine.measures.measure import (
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

Floats = NDArray[np.float64]
_COMPONENTS: Final = ("x", "y")


class Vector(Measure):
    """Response ⟨u∥⟩/⟨p⟩, bias, and the width of u⊥: as it is, over the response, and over ⟨u⟩; in bins of columns.

    u∥ and u⊥ are along and across the true vector p. The ratio of means replaces the mean ratio, which diverges where p
    vanishes. A smaller estimate has a smaller width of u⊥: the one that is corrected for the response decides which
    model is better.

    `truth` is the column of the true length. Source: hadronic recoil of the W (M. Khandoga, 2020).
    """

    components: tuple[str, str]
    """Columns of the x and y components of the true vector."""
    by: dict[str, Binning]
    """Bins of the figures, by column."""
    over: str
    """Column of `by` over whose bins the means are taken, with equal weights; bins with few objects are left out."""
    title: str = "Vector"
    """Heading of the measure's tables and plots in the report."""

    better: ClassVar[Mapping[str, Better]] = {"mean_corrected_over_baseline": "lower"}

    @model_validator(mode="after")
    def _over_is_binned(self) -> "Vector":
        if self.over not in self.by:
            raise ValueError(f"over: '{self.over}' is not binned: expected one of {', '.join(self.by)}")
        return self

    @property
    def note(self) -> str:
        """Explanation of the widths."""
        return (
            "Widths are half of the central 68 % of what is across the true vector; corrected, they are over the "
            "response, the mean of what is along it over its mean length; bias is 1 − response. All are means over "
            f"bins of {self.over} with {statistics.FEW} objects or more, and say over which where any has fewer."
        )

    @property
    def lacking(self) -> str:
        """Reason why a sample has no means: too few objects in every bin."""
        return f"no bin of {self.over} has {statistics.FEW} objects"

    @property
    def headline(self) -> dict[str, str]:
        """Resolution, and its cost in bias."""
        return {
            "corrected width": "mean_corrected",
            "corrected / baseline": "mean_corrected_over_baseline",
            **{f"corrected / {name}": f"mean_corrected_over_{name}" for name in self.against},
            "width": "mean_width",
            "|bias|": "mean_bias",
            "width / length": "mean_relative",
        }

    figure_words: ClassVar[Mapping[str, str]] = {name: what.plain for name, what in read.QUANTITIES.items()}

    def columns(self) -> list[str]:
        """Return the columns of the true vector, of its length, and to bin in."""
        return list(dict.fromkeys([self.truth, *self.components, *self.by]))

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of each quantity in each binning, of estimated and true components, and of the bias."""
        found = {}
        for name, binning in self.by.items():
            for quantity, edges in read.EDGES.items():
                fine = hist.axis.Variable(
                    edges, name=quantity, label=f"{quantity} [{column_metadata[self.truth].unit}]"
                )
                axes = binning.axis(column_metadata[name].title), fine, group_axis()
                found[f"{name}_{quantity}"] = hist.Hist(*axes, storage=self.storage(column_metadata))
        for name in _COMPONENTS:
            for kind in ("estimate", "truth"):
                found[f"{kind}_{name}"] = _component(name, self.storage(column_metadata))
        return found | {"bias": _component("bias", self.storage(column_metadata))}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the components of estimates along and across the true vector; a model of one quantity adds nothing."""
        estimate = objects.prediction.estimate
        if estimate.ndim != 2 or estimate.shape[1] != len(_COMPONENTS):
            return
        true = np.stack([np.asarray(objects.columns[name], dtype=np.float64) for name in self.components], axis=1)
        length = np.hypot(*true.T)
        good = np.isfinite(estimate).all(axis=1) & np.isfinite(length) & (length > 0)
        estimate, true, length = estimate[good], true[good], length[good]
        entries = objects.chosen(good)
        values = {
            "along": (estimate * true).sum(axis=1) / length,
            "across": (estimate[:, 0] * true[:, 1] - estimate[:, 1] * true[:, 0]) / length,
            "length": np.hypot(*estimate.T),
            "true": length,
        }
        for name in self.by:
            for quantity, found in values.items():
                entries.fill(histograms[f"{name}_{quantity}"], objects.columns[name][good], found)
        entries.fill(histograms["bias"], values["along"] - length)
        for number, name in enumerate(_COMPONENTS):
            entries.fill(histograms[f"estimate_{name}"], estimate[:, number])
            entries.fill(histograms[f"truth_{name}"], true[:, number])

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return all figures in each bin, over the references' where objects are the same, and means over bins."""
        found = [figure for name in self.by for figure in self._figures(name, histograms, references)]
        # A width over a vanishing response is not finite.
        return [figure for figure in found if figure.entries > 0 and np.isfinite(figure.value)]

    def _figures(self, by: str, histograms: Histograms, references: Mapping[str, Histograms]) -> Iterator[Figure]:
        counts = read.together(histograms, by)
        entries = read.entries_of(counts)
        enough = entries >= statistics.FEW
        enough[[0, -1]] = False  # underflow and overflow
        axis = histograms[f"{by}_along"].axes[0]
        edges, remark = axis.edges, covered(axis, enough[1:-1])
        others = {f"_over_{reference}": read.together(other, by) for reference, other in references.items()}
        alone = {"": partial(read.alone, counts.values)}
        ratios = {
            ending: partial(read.over_other, counts.values, other.values)
            for ending, other in others.items()
            if read.of_true(counts).same_as(read.of_true(other), 0, -1).all()
        }
        for figure, what in read.QUANTITIES.items():
            for ending, both in (alone | (ratios if what.ratio else {})).items():
                unit = "" if ending else what.unit
                value, error = statistics.jackknife(*both(what.read))
                for i in np.flatnonzero(enough):
                    low, high = float(edges[i - 1]), float(edges[i])
                    found = float(value[i]), float(error[i])
                    yield Figure(f"{figure}{ending}", *found, unit, int(entries[i]), by, low, high)
                if by == self.over and enough.any():
                    mean, uncertainty = statistics.jackknife(*both(partial(read.mean_size, what.read, enough)))
                    used, low, high = int(entries[enough].sum()), *read.range_of(edges, enough)
                    found = float(mean), float(uncertainty)
                    yield Figure(f"mean_{figure}{ending}", *found, unit, used, "", low, high, remark)

    def plots(self, measured: Measured) -> list[Plot]:
        """Return plots of each figure against each column, and of distributions of estimate, bias and components."""
        return [*self._against_columns(measured), *self._distributions(measured), *self._components(measured)]

    def _against_columns(self, measured: Measured) -> Iterator[Plot]:
        for by in self.by:
            metadata = measured.column_metadata[by]
            for figure, what in read.QUANTITIES.items():
                series = []
                for model, histograms in measured.histograms.items():
                    counts = read.together(histograms, by)
                    value, error = statistics.jackknife(counts.values, what.read)
                    value = np.where(read.entries_of(counts) >= statistics.FEW, value, np.nan)
                    edges = np.asarray(histograms[f"{by}_along"].axes[0].edges)
                    series.append(Series(model, measured.labels[model], edges, value[1:-1], error[1:-1]))
                unit = f" [{measured.column_metadata[self.truth].unit}]" if what.unit else ""
                yield Plot(
                    f"{figure}_by_{by}",
                    self.title,
                    f"{what.plain} against {metadata.plain}; bins of fewer than {statistics.FEW} events are left out.",
                    metadata.title,
                    f"{what.title}{unit}",
                    series,
                    ratio_to=measured.baseline if what.ratio else None,
                    reference=what.reference,
                    y_range=what.y_range,
                )

    def _distributions(self, measured: Measured) -> Iterator[Plot]:
        unit = measured.column_metadata[self.truth].unit
        titles = {
            "along": (r"$u_\parallel$", "the estimate's part along the true vector"),
            "across": (r"$u_\perp$", "the estimate's part across the true vector"),
            "length": ("$u_T$", "the estimate's length"),
        }
        for quantity, (title, plain) in titles.items():
            edges = read.EDGES[quantity]
            near = np.abs(edges) <= 100
            series = [
                _shape(model, measured.labels[model], by_group(found[f"{self.over}_{quantity}"]), edges, near)
                for model, found in measured.histograms.items()
            ]
            first = next(iter(measured.histograms.values()))
            if quantity != "across":
                series.append(
                    _shape("truth", "Truth", by_group(first[f"{self.over}_true"]), read.POSITIVE, read.POSITIVE <= 100)
                )
            caption = f"Distribution of {plain}{'' if quantity == 'across' else ', and of the true length, dashed'}."
            yield Plot(quantity, self.title, caption, f"{title} [{unit}]", f"Fraction of events / {unit}", series)

    def _components(self, measured: Measured) -> Iterator[Plot]:
        """Yield plots of the bias of each event, and of both components beside the true ones."""
        unit = measured.column_metadata[self.truth].unit
        short = (
            "Distribution of the bias of each event: the estimate's part along the true vector less the true length; "
            "negative where the estimate is too short."
        )
        parts = {"bias": ("bias", "", r"$u_\parallel - p_T$", short)}
        for name in _COMPONENTS:
            caption = f"Distribution of the estimate of the true vector's {name} component; the true one is dashed."
            parts[f"component_{name}"] = (f"estimate_{name}", f"truth_{name}", f"$p_{name}$", caption)
        for name, (estimate, truth, title, caption) in parts.items():
            series = [
                _shape(model, measured.labels[model], by_group(found[estimate])[:, np.newaxis])
                for model, found in measured.histograms.items()
            ]
            first = next(iter(measured.histograms.values()))
            if truth:
                series.append(_shape("truth", "Truth", by_group(first[truth])[:, np.newaxis]))
            yield Plot(name, self.title, caption, f"{title} [{unit}]", f"Fraction of events / {unit}", series)


def _component(name: str, storage: hist.storage.Storage) -> hist.Hist[Any]:
    """Return an empty histogram of a signed quantity near 0."""
    return hist.Hist(hist.axis.Regular(100, -100, 100, name=name, label=name), group_axis(), storage=storage)


def _shape(
    key: str, label: str, contents: Contents, edges: Floats | None = None, near: NDArray[Any] | None = None
) -> Series:
    """Return a distribution from (groups, bins, fine bins with flow), as fraction per unit; the truth's is dashed."""
    edges = np.linspace(-100, 100, 101) if edges is None else edges
    inside = contents.map(lambda counts: counts.sum(axis=1)[:, 1:-1])
    values, errors = inside.values.sum(axis=0) / contents.total, inside.errors() / contents.total
    if near is not None:
        kept = near[1:] & near[:-1]
        values, errors, edges = values[kept], errors[kept], edges[near]
    width = np.diff(edges)
    return Series(key, label, edges, values / width, errors / width, "steps", key == "truth")
