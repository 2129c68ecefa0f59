"""Measure the mutual information of an estimate and parameters, by a classifier of pairs of one event and of two."""

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Final

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents, joined
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names
from lineshape.engine.core.split import Target
from lineshape.engine.learning.roles.model import Model
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
from lineshape.engine.measures.scores import area, efficiencies

Floats = NDArray[np.float64]
#: From (samples, kinds, bins), of pairs of one event, of two, and of the contrast, to (samples,).
Read = Callable[[Floats], Floats]

#: Bin edges of the logarithm of the density of pairs over that of independent ones; values beyond count at the ends.
EDGES: Final = np.linspace(-40, 20, 12_001)
_CENTRES: Final = (EDGES[1:] + EDGES[:-1]) / 2
_KINDS: Final = ("joint", "product", "contrast")
#: Number of points that a curve is drawn through.
_POINTS: Final = 400


class Information(Measure):
    """Mutual information of an estimate and the parameters, in nats, and lower bounds on it.

    Let l be the logarithm of the density ratio from the classifier, for pairs (v, θ) of one event and, independent, of
    two. The information is the mean of l over pairs of one event, right where the classifier is. Donsker and Varadhan's
    bound is that less ln⟨e^l⟩ of independent pairs; that of Nguyen, Wainwright and Jordan is that plus 1 − ⟨e^l⟩;
    InfoNCE, with the θ of `negatives` other events, is the mean of l less the logarithm of the mean of e^l, at most
    ln(negatives + 1).

    Pairs of two events are of one shard, which must hold events of all parameters, and more than `negatives` of them:
    samples of one point each say nothing here. The uncertainty of the AUC leaves out that of the parameters taken from
    other events (it was 9 % low in a trial).

    `truth` is one of the parameters. Source: B. Poole et al., On Variational Bounds of Mutual Information (2019).
    """

    parameters: Annotated[Names, Field(min_length=1)]
    """Columns of all parameters, in the order of the target of the models."""
    negatives: Annotated[int, Field(gt=0)] = 31
    """Number of other events whose parameters each event is paired with. InfoNCE cannot exceed ln(negatives + 1) nats;
    shards with no more events than this are left out.
    """
    title: str = "Information"
    """Heading of the measure's tables and plots in the report."""

    better: ClassVar[Mapping[str, Better]] = {"information_minus_baseline": "higher", "auc_minus_baseline": "higher"}

    def require_models(self, models: Mapping[str, Model], target: Target) -> None:
        """Raise RequestError where the target of a model with a density ratio is not the parameters, in their order."""
        for name, model in models.items():
            judges = type(model).load_log_density_ratio is not Model.load_log_density_ratio
            truths = (model.truth,) if model.truth else target.truths
            if judges and name in (self.models or [name]) and truths != tuple(self.parameters):
                raise RequestError(
                    f"parameters: {', '.join(self.parameters)}; expected the target of model {name}, "
                    f"{', '.join(truths)}, in this order"
                )

    @property
    def note(self) -> str:
        """Explanation of the figures."""
        return (
            "The AUC is the classifier's, of pairs of a variable and parameters of one event against pairs of two. "
            "Information is in nats; DV, NWJ and InfoNCE bound it from below, whatever the classifier, and InfoNCE "
            f"cannot exceed {np.log(self.negatives + 1):.2f}."
        )

    @property
    def headline(self) -> dict[str, str]:
        """AUC, information and its bounds."""
        return {
            "AUC": "auc",
            "AUC − baseline": "auc_minus_baseline",
            "information": "information",
            "information − baseline": "information_minus_baseline",
            "DV": "donsker_varadhan",
            "NWJ": "nguyen_wainwright_jordan",
            "InfoNCE": "info_nce",
        }

    figure_words: ClassVar[Mapping[str, str]] = {
        "auc": "AUC",
        "donsker_varadhan": "Donsker–Varadhan bound",
        "nguyen_wainwright_jordan": "Nguyen–Wainwright–Jordan bound",
        "info_nce": "InfoNCE bound",
    }

    def columns(self) -> list[str]:
        """Return the columns of the parameters."""
        return list(dict.fromkeys([self.truth, *self.parameters]))

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of the logarithm for pairs of one event, for pairs of two, and of InfoNCE's contrast."""
        return {kind: hist.Hist(_axis(), group_axis(), storage=self.storage(column_metadata)) for kind in _KINDS}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add each event with its own parameters, and with those of other events of its shard."""
        variable = objects.prediction.estimate
        parameters = np.column_stack([np.asarray(objects.columns[name], np.float64) for name in self.parameters])
        good = np.isfinite(variable.reshape(len(variable), -1)).all(axis=1) & np.isfinite(parameters).all(axis=1)
        variable, parameters, entries = variable[good], parameters[good], objects.chosen(np.asarray(good))
        number = len(variable)
        if objects.log_density_ratio is None or number <= self.negatives:
            return
        # Neighbours in a file may be alike: events are permuted, so that parameters come from anywhere in the shard.
        mixed = np.random.default_rng(number).permutation(number)
        variable, parameters, entries = variable[mixed], parameters[mixed], entries.only(mixed)
        # A pair of two events has the product of their weights, here over the mean.
        weight = None if entries.weight is None else entries.weight / (entries.weight.mean() or 1.0)
        joint = _inside(objects.log_density_ratio(variable, parameters))
        total = np.exp(joint)
        for step in range(1, self.negatives + 1):
            found = _inside(objects.log_density_ratio(variable, np.roll(parameters, step, axis=0)))
            other = None if weight is None else np.roll(weight, step)
            total += np.exp(found) * (1.0 if other is None else other)
            entries.times(other).fill(histograms["product"], found)
        entries.fill(histograms["joint"], joint)
        least = np.exp(EDGES[0])  # negative weights may leave nothing
        entries.fill(histograms["contrast"], _inside(joint - np.log(np.maximum(total / (self.negatives + 1), least))))

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return auc, information, donsker_varadhan, nguyen_wainwright_jordan and info_nce, and FIGURE_minus_MODEL.

        The differences from other models are taken on the same events.
        """
        own = _counts(histograms)
        entries = int(own[:, 0].entries())
        if entries < statistics.FEW:
            return []
        found = []
        for name, read in READ.items():
            unit = "" if name == "auc" else "nat"
            found.append(_figure(name, own.values, read, unit, entries))
            for other, theirs in references.items():
                both = np.stack([own.values, _counts(theirs).values], axis=1)
                if both[:, 1].any():
                    ending = "baseline" if other == BASELINE else other
                    found.append(_figure(f"{name}_minus_{ending}", both, _less(read), unit, entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return a plot of the ROC curve of each model's classifier."""
        curves = []
        for model, histograms in measured.histograms.items():
            joint, product = (by_group(histograms[kind])[:, 1:-1].values.sum(axis=0) for kind in ("joint", "product"))
            if joint.any():
                x, y = efficiencies(product), efficiencies(joint)
                chosen = np.unique(np.searchsorted(-x, -np.linspace(0, 1, _POINTS)).clip(0, len(x) - 1))
                curves.append(Series(model, measured.labels[model], x[chosen], y[chosen], style="line"))
        caption = "Share of pairs of one event that pass a threshold, against that of pairs of two."
        axes = "Pairs of two events", "Pairs of one event"
        plot = Plot("information_roc", self.title, caption, *axes, curves, x_range=(0, 1), y_range=(0, 1))
        return [plot] if curves else []


def _axis() -> hist.axis.Regular:
    return hist.axis.Regular(len(_CENTRES), EDGES[0], EDGES[-1], name="logarithm", label="Logarithm")


def _inside(values: Floats) -> Floats:
    return np.asarray(values.clip(EDGES[0], np.nextafter(EDGES[-1], 0)))


def _counts(histograms: Histograms) -> Contents:
    """Return the contents (groups, kinds, bins)."""
    return joined([by_group(histograms[kind])[:, np.newaxis, 1:-1] for kind in _KINDS], axis=1)


def _figure(name: str, counts: Floats, read: Read, unit: str, entries: int) -> Figure:
    value, error = statistics.jackknife(counts, read)
    return Figure(name, float(value), float(error), unit, entries)


def _less(read: Read) -> Read:
    return lambda counts: read(counts[:, 0]) - read(counts[:, 1])


def _mean(counts: Floats, values: Floats) -> Floats:
    return np.asarray((counts * values).sum(axis=-1) / counts.sum(axis=-1))


def _information(counts: Floats) -> Floats:
    return _mean(counts[:, 0], _CENTRES)


def _donsker_varadhan(counts: Floats) -> Floats:
    return _information(counts) - np.log(_mean(counts[:, 1], np.exp(_CENTRES)))


def _nguyen_wainwright_jordan(counts: Floats) -> Floats:
    return _information(counts) + 1 - _mean(counts[:, 1], np.exp(_CENTRES))


def _info_nce(counts: Floats) -> Floats:
    return _mean(counts[:, 2], _CENTRES)


def _auc(counts: Floats) -> Floats:
    return area(counts[:, 0], counts[:, 1])


READ: Final[Mapping[str, Read]] = {
    "auc": _auc,
    "information": _information,
    "donsker_varadhan": _donsker_varadhan,
    "nguyen_wainwright_jordan": _nguyen_wainwright_jordan,
    "info_nce": _info_nce,
}
