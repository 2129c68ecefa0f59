"""Predictions of a model for a number of objects, and how those of several models become one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.learning.roles.model import Mixture

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """Prediction of a model for n objects.

    estimate: estimate of the true quantity, in its unit, (n,), or (n, components) for a vector; NaN for objects outside
    `within`. target: the estimate over the reference `per`. spread: σ/μ of the target, and mixture: its density, in its
    own units, where the model gives one. probabilities: (n, classes), for a classifier.
    """

    estimate: Floats
    target: Floats
    spread: Floats | None = None
    mixture: Mixture | None = None
    probabilities: Floats | None = None


def in_parts(number: int, parts: Sequence[tuple[NDArray[np.int64], Prediction]]) -> Prediction:
    """Return the prediction for objects of which each part was predicted by another model, at least one.

    number: of objects. parts: indices of objects, and the prediction for these; each object is of one part.
    """

    def whole(arrays: Sequence[Floats | None]) -> Any:
        first = arrays[0]
        if first is None:
            return None
        found = np.empty((number, *first.shape[1:]))
        for (rows, _), values in zip(parts, arrays, strict=True):
            found[rows] = values
        return found

    predictions = [prediction for _, prediction in parts]
    mixtures = [each.mixture for each in predictions if each.mixture]
    fields = ("weights", "means", "sigmas")
    return Prediction(
        whole([each.estimate for each in predictions]),
        whole([each.target for each in predictions]),
        whole([each.spread for each in predictions]),
        Mixture(*(whole([getattr(each, field) for each in mixtures]) for field in fields)) if mixtures else None,
        whole([each.probabilities for each in predictions]),
    )


def mean_of(predictions: Sequence[Prediction]) -> Prediction:
    """Return the mean of predictions for the same objects by two models or more, each of them counting the same.

    Its mixture is the mixture of theirs, and its spread that of this; without mixtures the spread is the standard
    deviation of the models' targets over their mean, which is what trainings differ by, and not the resolution.
    """
    estimates, targets = (np.stack([getattr(each, name) for each in predictions]) for name in ("estimate", "target"))
    estimate, target = estimates.mean(axis=0), targets.mean(axis=0)
    mixtures = [each.mixture for each in predictions if each.mixture]
    mixture, spread = None, None
    if len(mixtures) == len(predictions):
        weights, means, sigmas = (
            np.concatenate([getattr(each, name) for each in mixtures], axis=1)
            for name in ("weights", "means", "sigmas")
        )
        mixture = Mixture(weights / len(mixtures), means, sigmas)
        spread = np.where(np.isnan(target), np.nan, mixture.sigma / np.abs(mixture.mean))
    elif target.ndim == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = targets.std(axis=0, ddof=1) / np.abs(target)
    probabilities = [each.probabilities for each in predictions if each.probabilities is not None]
    every = np.mean(probabilities, axis=0) if len(probabilities) == len(predictions) else None
    return Prediction(estimate, target, spread, mixture, every)
