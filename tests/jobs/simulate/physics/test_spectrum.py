"""Spectra have the shape that they are asked for."""

import numpy as np
import pytest

from lineshape.jobs.simulate.physics.spectrum import power_law


@pytest.mark.parametrize("index", [-1.0, 0.0, 1.0, 1.5, 3.0])
def test_a_power_law_is_flat_once_it_is_weighed_by_its_inverse(index: float, rng: np.random.Generator) -> None:
    """Within five standard deviations in each of ten bins, a false alarm in 10⁵ runs."""
    values = power_law(index, 10.0, 100.0, 100_000, rng)
    assert values.min() >= 10
    assert values.max() <= 100
    edges = np.linspace(10, 100, 11)
    place = np.digitize(values, edges[1:-1])
    sums = np.bincount(place, values**index, 10)
    errors = np.sqrt(np.bincount(place, values ** (2 * index), 10))
    mean = sums.sum() / 10
    assert np.abs(sums - mean).max() < 5 * errors.max()
