"""Predictions of several models become one."""

import numpy as np
import pytest

from lineshape.engine.learning.prediction import Prediction, in_parts, mean_of
from lineshape.engine.learning.roles.model import Mixture


def predicted(seed: int, rows: int, components: int = 2) -> Prediction:
    """A mixture for each row, whose mean is the target, and the estimate in units of two."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(components), rows)
    mixture = Mixture(weights, random.normal(1, 0.1, (rows, components)), random.uniform(0.1, 0.2, (rows, components)))
    return Prediction(2 * mixture.mean, mixture.mean, mixture.sigma / mixture.mean, mixture, weights)


def test_each_part_stands_where_its_rows_are() -> None:
    rows = np.random.default_rng(1).permutation(10)
    parts = [(rows[:3], predicted(1, 3)), (rows[3:], predicted(2, 7))]
    whole = in_parts(10, parts)
    for places, part in parts:
        assert np.array_equal(whole.estimate[places], part.estimate)
        assert np.array_equal(whole.target[places], part.target)
        assert whole.spread is not None
        assert part.spread is not None
        assert np.array_equal(whole.spread[places], part.spread)
        assert whole.mixture is not None
        assert part.mixture is not None
        assert np.array_equal(whole.mixture.sigmas[places], part.mixture.sigmas)
        assert whole.probabilities is not None
        assert part.probabilities is not None
        assert np.array_equal(whole.probabilities[places], part.probabilities)
    bare = in_parts(2, [(np.array([1, 0]), Prediction(np.array([3.0, 4.0]), np.array([1.0, 2.0])))])
    assert bare.estimate.tolist() == [4, 3]
    assert bare.spread is bare.mixture is bare.probabilities is None


def test_the_mixture_of_a_mean_is_the_mixture_of_all() -> None:
    """Its mean is the mean of the means, and its variance that within and that between (law of total variance)."""
    parts = [predicted(seed, 5) for seed in (1, 2, 3)]
    found = mean_of(parts)
    assert found.mixture is not None
    assert found.spread is not None
    assert np.allclose(found.mixture.weights.sum(axis=1), 1)
    means = np.stack([part.target for part in parts])
    within = np.mean([part.mixture.sigma**2 for part in parts if part.mixture], axis=0)
    assert np.allclose(found.target, means.mean(axis=0))
    assert np.allclose(found.mixture.mean, found.target)
    assert np.allclose(found.mixture.sigma**2, within + means.var(axis=0))
    assert np.allclose(found.spread, found.mixture.sigma / found.target)
    assert np.allclose(found.estimate, 2 * found.target)


def test_without_mixtures_the_spread_is_what_trainings_differ_by() -> None:
    parts = [Prediction(np.array([10.0, np.nan]), np.array([1.0, np.nan]))]
    parts.append(Prediction(np.array([30.0, np.nan]), np.array([3.0, np.nan])))
    found = mean_of(parts)
    assert found.estimate[0] == 20
    assert found.spread is not None
    assert found.spread[0] == pytest.approx(np.sqrt(2) / 2)
    assert np.isnan(found.estimate[1])
    assert np.isnan(found.spread[1])
    assert found.mixture is None
    mixed = mean_of([predicted(1, 2), Prediction(np.ones(2), np.ones(2))])
    assert mixed.mixture is None, "a mixture of some of them is not that of the mean"


def test_a_vector_has_a_mean_and_no_spread() -> None:
    found = mean_of([Prediction(np.full((4, 2), value), np.full((4, 2), value)) for value in (1.0, 2.0)])
    assert (found.estimate == 1.5).all()
    assert found.spread is None
