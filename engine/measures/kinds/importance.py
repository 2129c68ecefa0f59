"""Measure permutation importance: the loss of AUC when a feature is permuted among the objects."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Final, Self

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.digests import uniform
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.measures.scores import area, require_others, score_axis, squashed, usable

Floats = NDArray[np.float64]

_BINS: Final = 1000
#: Standard deviations from which the mean loss is clearly above zero.
_CLEAR: Final = 3
#: First stream of the hashes of event numbers by which features are permuted, and the stream by which some objects are
#: chosen.
_STREAM: Final = 100
_SHARE_STREAM: Final = 99


class Importance(Measure):
    """AUC − AUC with a feature permuted, over the mean of that over all features; as in the tagger's talk.

    A feature is permuted among the objects of a shard. `truth` is a column that numbers the classes.
    """

    classes: Names
    """Names of the classes, in the order of their numbers from 0."""
    signal: str
    """Name of the class that is the signal; all others together are the background."""
    features: Annotated[Names, Field(min_length=1)]
    """Features that are permuted, one at a time."""
    repeats: Annotated[int, Field(gt=0)] = 5
    """Permutations of each feature; with more than one, their spread adds to the uncertainty."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the objects that are used, chosen by a hash of the event number. Each is predicted once for every
    feature and repeat, and of millions of objects a part says as much as all.
    """
    title: str = "Importance of features"
    """Heading of the measure's tables and plots in the report."""

    @model_validator(mode="after")
    def _signal_is_a_class(self) -> Self:
        if self.signal not in self.classes:
            raise ValueError(f"signal: '{self.signal}' is not a class: expected one of {', '.join(self.classes)}")
        require_others(self.classes, self.signal)
        return self

    figure_words: ClassVar[Mapping[str, str]] = {
        r"importance_(.+)": r"importance of \1, over the mean of all",
        r"auc_loss_(.+)": r"loss of AUC with \1 permuted",
    }

    def columns(self) -> list[str]:
        """Return the column of classes, the features and the event number."""
        return list(dict.fromkeys([self.truth, *self.features, "event"]))

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return a histogram of signal and background scores, as they are (trial 0) and for each feature and repeat."""
        trials = hist.axis.Integer(0, 1 + len(self.features) * self.repeats, name="trial", flow=False)
        kinds = hist.axis.Integer(0, 2, name="signal", flow=False)
        return {
            "scores": hist.Hist(trials, score_axis(_BINS), kinds, group_axis(), storage=self.storage(column_metadata))
        }

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the scores as they are, and with each feature permuted in turn; an unused feature changes no score."""
        objects = self._chosen(objects)
        assert objects.predict is not None
        self._fill(histograms, objects, 0, objects.prediction.estimate)
        event = objects.columns["event"]
        for i, name in enumerate(self.features):
            for repeat in range(self.repeats):
                trial = i * self.repeats + repeat
                order = np.argsort(uniform(event, _STREAM + trial), kind="stable")
                mixed = dict(objects.columns) | {name: objects.columns[name][order]}
                self._fill(histograms, objects, 1 + trial, objects.predict(mixed).estimate)

    def _chosen(self, objects: Objects) -> Objects:
        chosen = uniform(objects.columns["event"], _SHARE_STREAM) < self.share
        columns = {name: values[chosen] for name, values in objects.columns.items()}
        prediction = Prediction(objects.prediction.estimate[chosen], objects.prediction.target[chosen])
        own = objects.chosen(chosen)
        return replace(objects, columns=columns, prediction=prediction, group=own.group, weight=own.weight)

    def _fill(self, histograms: Histograms, objects: Objects, trial: int, score: Floats) -> None:
        good = usable(objects, self.truth, len(self.classes))
        signal = (objects.columns[self.truth][good] == self.classes.index(self.signal)).astype(np.int64)
        entries = objects.chosen(good)
        entries.fill(histograms["scores"], np.full(good.sum(), trial), squashed(score[good]), signal)

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return importance_FEATURE, whose mean over the features is 1, and auc_loss_FEATURE.

        Their uncertainties include those of the objects and of the repeats. There is no importance where the mean loss
        is not clearly above zero, as of a model that is no better than chance: it would be a ratio of noise.
        """
        contents = by_group(histograms["scores"])
        counts, entries = contents.values, int(contents[:, 0].entries())
        if not entries:
            return []
        found = []
        loss, relative = self._with_uncertainty(counts)
        clear = self._is_clear(counts)
        for i, name in enumerate(self.features):
            if clear:
                found.append(Figure(f"importance_{name}", float(relative[0][i]), float(relative[1][i]), "", entries))
            found.append(Figure(f"auc_loss_{name}", float(loss[0][i]), float(loss[1][i]), "", entries))
        return found

    def _losses(self, counts: Floats) -> Floats:
        """Return the loss of AUC, (samples, features, repeats)."""
        areas = area(counts[..., 1], counts[..., 0])
        return np.asarray((areas[:, :1] - areas[:, 1:]).reshape(len(counts), len(self.features), self.repeats))

    def _is_clear(self, counts: Floats) -> bool:
        """Return whether the mean loss of all features is clearly above zero."""
        mean, error = statistics.jackknife(counts, lambda c: self._losses(c).mean(axis=(1, 2)))
        return bool(mean > _CLEAR * error)

    def _with_uncertainty(self, counts: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Return the loss of AUC of each feature, and the same over the mean of all, each with its uncertainty."""
        losses = self._losses
        each = losses(counts.sum(axis=0)[np.newaxis])[0]
        by_repeat = each.std(axis=1, ddof=1) / np.sqrt(self.repeats) if self.repeats > 1 else np.zeros(len(each))
        loss, error = statistics.jackknife(counts, lambda c: losses(c).mean(axis=2))
        relative, relative_error = statistics.jackknife(counts, lambda c: _over_mean(losses(c).mean(axis=2)))
        scale = abs(float(loss.mean())) or np.nan
        return (loss, np.hypot(error, by_repeat)), (relative, np.hypot(relative_error, by_repeat / scale))

    def plots(self, measured: Measured) -> list[Plot]:
        """Return a plot of all features, with one point for each model."""
        series = []
        for model, histograms in measured.histograms.items():
            counts = by_group(histograms["scores"]).values
            if counts[:, 0].any() and self._is_clear(counts):
                _, (value, error) = self._with_uncertainty(counts)
                edges = np.arange(len(self.features) + 1, dtype=np.float64) - 0.5
                series.append(Series(model, measured.labels[model], edges, value, error))
        return [
            Plot(
                "importance",
                self.title,
                "Loss of AUC when a feature is permuted among the objects, over the mean of all features.",
                "",
                "Permutation importance",
                series,
                names=[measured.column_metadata[name].label for name in self.features],
                reference=0.0,
            )
        ]


def _over_mean(losses: Floats) -> Floats:
    return np.asarray(losses / losses.mean(axis=-1, keepdims=True))
