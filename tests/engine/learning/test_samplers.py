"""Samplers: how often each row is seen in an epoch."""

import numpy as np
import pytest

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.roles.sampler import TARGET
from lineshape.engine.learning.samplers.flat import FlatSampler
from lineshape.engine.learning.samplers.shuffled import Shuffled
from lineshape.engine.learning.samplers.weighted import Weighted

Arrays = dict[str, np.ndarray]


@pytest.fixture
def muons(rng: np.random.Generator) -> Arrays:
    """A falling spectrum; label 1 for a tenth."""
    pt = rng.exponential(20, 20_000).astype(np.float32)
    return {"pt": pt, TARGET: (rng.random(20_000) < 0.1).astype(np.float32)}


def test_shuffled_sees_each_row_once(muons: Arrays, rng: np.random.Generator) -> None:
    assert Shuffled().draw(muons, 20_000, 1.0)(rng) is None


def test_flat_is_flat_for_each_class(muons: Arrays, rng: np.random.Generator) -> None:
    """Every 5 GeV bin holds what was asked for, the last up to infinity; no row twice while others are unseen."""
    sampler = FlatSampler(column="pt", low=0, high=100, bins=20, rows={1: 200, 0: 100})
    counts = sampler.draw(muons, 20_000, 1.0)(rng)
    assert counts is not None
    bins = np.minimum(muons["pt"] // 5, 19).astype(int)
    for label, number in ((1, 200), (0, 100)):
        of = muons[TARGET] == label
        assert np.bincount(bins[of], counts[of], minlength=20).tolist() == [number] * 20
        for each in range(20):
            seen = counts[of & (bins == each)]
            assert seen.max() - seen.min() <= 1


def test_flat_draws_anew_each_epoch_and_a_share_of_it(muons: Arrays, rng: np.random.Generator) -> None:
    sampler = FlatSampler(column="pt", low=0, high=100, bins=20, rows=100)
    draw = sampler.draw(muons, 20_000, 0.5)
    first, second = draw(rng), draw(rng)
    assert first is not None
    assert second is not None
    assert first.sum() == second.sum() == 50 * 40
    assert (first != second).any()


def test_an_empty_class_is_named(muons: Arrays) -> None:
    sampler = FlatSampler(column="pt", low=0, high=100, bins=20, rows={0: 10, 1: 10, 2: 10})
    with pytest.raises(RunError, match="no rows of class 2 to sample: there are 0, 1"):
        sampler.draw(muons, 20_000, 1.0)


def test_a_class_that_is_no_whole_number_is_named(muons: Arrays) -> None:
    labels = muons[TARGET].copy()
    labels[:7] = 0.5
    with pytest.raises(RunError, match=r"7 of 20,000 rows have no whole number as their class, such as 0.5"):
        FlatSampler(column="pt", low=0, high=100, bins=20, rows=10).draw(muons | {TARGET: labels}, 20_000, 1.0)


def test_weighted_draws_in_proportion(muons: Arrays, rng: np.random.Generator) -> None:
    """Each of ten equal groups within five standard deviations of its share (false alarm 6e-6)."""
    weight = (1 + np.arange(20_000) // 2000).astype(np.float32)
    counts = Weighted(column="w", rows=55_000).draw({"w": weight}, 20_000, 1.0)(rng)
    assert counts is not None
    assert counts.sum() == 55_000
    groups, expected = counts.reshape(10, 2000).sum(axis=1), 1000 * np.arange(1, 11)
    assert (np.abs(groups - expected) < 5 * np.sqrt(expected)).all()


def test_a_negative_weight_is_named() -> None:
    """Of the training rows, which are drawn, and of the validation rows, which are weighed."""
    sampler, columns = Weighted(column="w"), {"w": np.float32([1, -1, 1])}
    for look in (lambda: sampler.draw(columns, 3, 1.0), lambda: sampler.expected(columns, 3)):
        with pytest.raises(RunError, match=r"column w: .* 1 of 3 that are negative or missing"):
            look()


def test_what_is_expected_is_what_is_drawn_on_average(muons: Arrays, rng: np.random.Generator) -> None:
    """Of 400 epochs: a row that is seen r times on average is known to √(r/400), at most; six of these."""
    for sampler in (
        FlatSampler(column="pt", low=0, high=100, bins=20, rows={1: 200, 0: 100}),
        Weighted(column="pt", rows=5000),
    ):
        draw = sampler.draw(muons, 20_000, 1.0)
        mean = np.mean([draw(rng) for _ in range(400)], axis=0)
        expected = sampler.expected(muons, 20_000)
        assert expected is not None
        assert expected.mean() == pytest.approx(1, rel=1e-4)
        assert (np.abs(expected * mean.mean() - mean) < 6 * np.sqrt((mean + 0.05) / 400)).all()
        for label in (0, 1):
            own = muons[TARGET] == label
            assert expected[own].sum() / expected.sum() == pytest.approx(mean[own].sum() / mean.sum(), rel=0.05)
    assert Shuffled().expected(muons, 20_000) is None
    without = muons | {TARGET: np.zeros(20_000, np.float32)}
    assert (
        FlatSampler(column="pt", low=0, high=100, bins=20, rows={1: 200, 0: 100}).expected(without, 20_000) is not None
    )
