"""Permutation importance: what the area under the ROC curve loses when a feature is mixed up among the objects."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final, Self

import hist
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.digests import uniform
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names
from lineshape.engine.learning.bundles import Prediction
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.measures.scores import area, require_others, score_axis, squashed, usable

Floats = NDArray[np.float64]

_BINS: Final = 1000
#: The first stream of the hashes of event numbers by which features are mixed up, and the one by which some are chosen.
_STREAM: Final = 100
_SHARE_STREAM: Final = 99


class Importance(Measure):
    """AUC − AUC with a feature shuffled, over the mean of that over all features; the tagger's talk does the same.

    truth: a column that numbers the classes. classes: their names, from 0 on. signal: one of them. features: those to
    be shuffled, each `repeats` times with other permutations, among the objects of a shard. share: of the objects that
    are looked at, by a hash of the event number: each is predicted once for every feature and repeat, and where there
    are millions a part of them tells as much.
    """

    classes: Names
    signal: str
    features: Annotated[Names, Field(min_length=1)]
    repeats: Annotated[int, Field(gt=0)] = 5
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    title: str = "Importance of features"

    @model_validator(mode="after")
    def _signal_is_a_class(self) -> Self:
        if self.signal not in self.classes:
            raise ValueError(f"signal: '{self.signal}' is not a class: expected one of {', '.join(self.classes)}")
        require_others(self.classes, self.signal)
        return self

    def columns(self) -> list[str]:
        """The class, and the features."""
        return list(dict.fromkeys([self.truth, *self.features, "event"]))

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Score of signal and of all else, as it is (0) and for each feature and repeat."""
        trials = hist.axis.Integer(0, 1 + len(self.features) * self.repeats, name="trial", flow=False)
        kinds = hist.axis.Integer(0, 2, name="signal", flow=False)
        return {"scores": hist.Hist(trials, score_axis(_BINS), kinds, group_axis(), storage=hist.storage.Int64())}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """The scores of a model that sees the features; of one that does not see them all, those that it sees."""
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
        return replace(objects, columns=columns, prediction=prediction, group=objects.group[chosen])

    def _fill(self, histograms: Histograms, objects: Objects, trial: int, score: Floats) -> None:
        good = usable(objects, self.truth, len(self.classes))
        signal = (objects.columns[self.truth][good] == self.classes.index(self.signal)).astype(np.int64)
        histograms["scores"].fill(np.full(good.sum(), trial), squashed(score[good]), signal, objects.group[good])

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """importance_FEATURE, mean 1 over the features, and auc_loss_FEATURE; uncertain by objects and repeats both."""
        counts = by_group(histograms["scores"])
        entries = int(counts[:, 0].sum())
        if not entries:
            return []
        found = []
        loss, relative = self._with_uncertainty(counts)
        for i, name in enumerate(self.features):
            found.append(Figure(f"importance_{name}", float(relative[0][i]), float(relative[1][i]), "", entries))
            found.append(Figure(f"auc_loss_{name}", float(loss[0][i]), float(loss[1][i]), "", entries))
        return found

    def _with_uncertainty(self, counts: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
        """Loss of AUC of each feature and the same over their mean, each with its uncertainty."""

        def losses(c: Floats) -> Floats:
            areas = area(c[..., 1], c[..., 0])
            return np.asarray((areas[:, :1] - areas[:, 1:]).reshape(len(c), len(self.features), self.repeats))

        each = losses(counts.sum(axis=0)[np.newaxis])[0]
        by_repeat = each.std(axis=1, ddof=1) / np.sqrt(self.repeats) if self.repeats > 1 else np.zeros(len(each))
        loss, error = statistics.jackknife(counts, lambda c: losses(c).mean(axis=2))
        relative, relative_error = statistics.jackknife(counts, lambda c: _over_mean(losses(c).mean(axis=2)))
        scale = abs(float(loss.mean())) or np.nan
        return (loss, np.hypot(error, by_repeat)), (relative, np.hypot(relative_error, by_repeat / scale))

    def plots(self, measured: Measured) -> list[Plot]:
        """All features, one point a model."""
        series = []
        for model, histograms in measured.histograms.items():
            counts = by_group(histograms["scores"])
            if counts[:, 0].any():
                _, (value, error) = self._with_uncertainty(counts)
                edges = np.arange(len(self.features) + 1, dtype=np.float64) - 0.5
                series.append(Series(model, measured.labels[model], edges, value, error))
        return [
            Plot(
                "importance",
                self.title,
                "Loss of AUC when a feature is mixed up among the objects, over the mean of all features.",
                "",
                "Permutation importance",
                series,
                names=[measured.column_metadata[name].label for name in self.features],
                reference=0.0,
            )
        ]


def _over_mean(losses: Floats) -> Floats:
    return np.asarray(losses / losses.mean(axis=-1, keepdims=True))
