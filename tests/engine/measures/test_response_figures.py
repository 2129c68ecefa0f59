"""Mode and Gaussian core of binned responses: of known distributions, and whether their uncertainties are right."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents
from lineshape.engine.measures.kinds.response import EDGES, MORE, Response
from lineshape.engine.measures.response_figures import core_mean, core_width, mode


def binned(values: Any) -> Any:
    """Counts with flow bins, (bins + 2,)."""
    inside, _ = np.histogram(values, EDGES)
    return np.concatenate([[(values < EDGES[0]).sum()], inside, [(values >= EDGES[-1]).sum()]]).astype(float)


def test_a_gaussian_is_its_core() -> None:
    """Of 200,000: five standard deviations of the mean, 0.0006, and of the width, 0.0007."""
    counts = binned(np.random.default_rng(1).normal(0.97, 0.05, 200_000))
    assert core_mean(counts, EDGES) == pytest.approx(0.97, abs=0.0008)
    assert core_width(counts, EDGES) == pytest.approx(0.05, abs=0.0009)
    assert mode(counts, EDGES) == pytest.approx(0.97, abs=0.005)


def test_tails_do_not_move_it() -> None:
    random = np.random.default_rng(2)
    values = np.concatenate([random.normal(1.0, 0.05, 90_000), random.uniform(1.1, 2.0, 15_000)])
    assert core_mean(binned(values), EDGES) == pytest.approx(1.0, abs=0.002)
    assert core_width(binned(values), EDGES) == pytest.approx(0.05, rel=0.03)
    assert values.mean() > 1.07


@pytest.mark.parametrize("sigma", [0.1, 0.3])
def test_the_mode_of_a_skew_distribution(sigma: float) -> None:
    """Of a log-normal one it is exp(−σ²), below the median of 1."""
    counts = binned(np.exp(np.random.default_rng(3).normal(0, sigma, 300_000)))
    assert mode(counts, EDGES) == pytest.approx(np.exp(-(sigma**2)), abs=0.1 * sigma)
    assert mode(counts, EDGES) < 1 - 0.5 * sigma**2


def test_of_many_distributions_and_of_few_entries() -> None:
    many = np.stack([binned(np.random.default_rng(seed).normal(1, 0.1, 5000)) for seed in range(4)]).reshape(2, 2, -1)
    for figure in (mode, core_mean, core_width):
        found = figure(many, EDGES)
        assert found.shape == (2, 2)
        assert found[1, 1] == figure(many[1, 1], EDGES)
        assert np.isnan(figure(np.zeros(len(EDGES) + 1), EDGES))


@pytest.mark.parametrize("name", ["mode", "core_mean", "core_width", "relative_68"])
def test_uncertainties_are_what_figures_scatter_by(name: str) -> None:
    """In 60 samples of 4,000; the standard deviation of 60 has an uncertainty of 9 %, the jackknife's mean less.

    The mode is no smooth function of the sample, and its jackknife is known to be too large by some tens of per cent.
    """
    random = np.random.default_rng(5)
    values, errors = [], []
    for _ in range(60):
        sample = random.normal(1, 0.08, 4000) * np.exp(random.normal(0, 0.05, 4000))
        groups = np.stack([binned(part) for part in sample.reshape(statistics.GROUPS, -1)])
        value, error = statistics.with_uncertainty(Contents(groups, groups), MORE[name])
        values.append(float(value))
        errors.append(float(error))
    ratio = np.mean(errors) / np.std(values, ddof=1)
    assert 0.7 < ratio < (2.0 if name == "mode" else 1.4)


def test_relative_widths_do_not_know_of_the_scale() -> None:
    values = stats.norm(1, 0.1).rvs(100_000, random_state=4)
    one, other = (MORE["relative_68"](binned(scale * values)) for scale in (1.0, 0.7))
    assert one == pytest.approx(other, rel=0.01)


def test_figures_that_are_asked_for() -> None:
    measure = Response(truth="t", more=["mode", "relative_68"])
    assert {"mode", "relative_68", "median", "half_68"} <= set(measure.reads)
    assert "core_mean" not in measure.reads
    assert measure.headline["68 % / median"] == "relative_68"
