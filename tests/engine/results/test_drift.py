"""Drift: the population stability index, what chance makes of it, and which features moved furthest."""

import hist
import numpy as np
import pytest
from numpy.typing import NDArray

from lineshape.engine.core.records import as_shape
from lineshape.engine.results.drift import BINS, Drift, Population, contents, drifts, shift

Values = NDArray[np.float64]


def histogram(values: Values, name: str = "x", high: float = 4.0) -> "hist.Hist":
    axis = hist.axis.Regular(50, -4, high, name=name, label=name)
    return hist.Hist(axis, storage=hist.storage.Int64()).fill(values[np.isfinite(values)])


def bins(values: Values) -> Values:
    return contents(histogram(values), len(values))


def test_the_index_of_two_bins_by_hand() -> None:
    found = shift(np.array([0.0, 600, 400, 0, 0]), np.array([0.0, 500, 500, 0, 0]))
    assert found
    p, q = np.array([500.5, 500.5]) / 1001, np.array([600.5, 400.5]) / 1001
    assert found.index == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert found.expected == pytest.approx(1 / 1000 + 1 / 1000)
    assert found.entries == 1000


def test_alike_is_nothing(rng: np.random.Generator) -> None:
    values = bins(rng.normal(size=5000))
    found = shift(values, values)
    assert found
    assert (found.index, found.chance) == (pytest.approx(0), pytest.approx(1))
    assert shift(values, np.zeros_like(values)) is None
    assert shift(np.zeros_like(values), values) is None


def test_without_drift_chance_is_uniform_and_the_mean_is_as_expected() -> None:
    """400 pairs with a fixed seed: a false alarm of the bounds once in 1,000 other seeds or less."""
    rng = np.random.default_rng(3)
    found = [shift(bins(rng.normal(size=3000)), bins(rng.normal(size=1000))) for _ in range(400)]
    indices = np.array([each.index for each in found if each])
    chances = np.array([each.chance for each in found if each])
    expected = np.array([each.expected for each in found if each])
    assert indices.mean() == pytest.approx(expected.mean(), rel=0.06)
    assert chances.mean() == pytest.approx(0.5, abs=0.05)
    assert (chances < 0.1).mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(("by", "low", "high"), [(0.1, 0.005, 0.03), (0.5, 0.18, 0.32), (1.0, 0.7, 1.3)])
def test_a_shifted_gaussian(rng: np.random.Generator, by: float, low: float, high: float) -> None:
    """Of two Gaussians whose means differ by δ standard deviations the index is δ², but for the bins."""
    found = shift(bins(rng.normal(size=20_000)), bins(rng.normal(by, size=20_000)))
    assert found
    assert low < found.index < high
    assert found.chance < 1e-6


def test_values_that_go_missing_and_what_lies_beyond_the_axis_count(rng: np.random.Generator) -> None:
    values = rng.normal(size=10_000)
    missing, beyond = values.copy(), values.copy()
    missing[:1000], beyond[:1000] = np.nan, 100.0
    for other in (missing, beyond):
        found = shift(bins(values), bins(other))
        assert found
        assert found.index > 0.05
        assert found.chance < 1e-6


def test_a_spike_needs_no_more_than_its_own_bin() -> None:
    """All in one bin but for a few: bins are put together, and none of them is empty."""
    reference = np.zeros(53)
    reference[[1, 20, 21]] = 10, 980, 10
    found = shift(reference, reference)
    assert found
    assert found.expected <= (BINS - 1) * 2 / 1000


def test_features_that_moved_furthest_come_first(rng: np.random.Generator) -> None:
    then = {name: histogram(rng.normal(size=4000), name) for name in ("still", "slow", "fast", "other_bins", "gone")}
    new = {
        "still": histogram(rng.normal(size=4000), "still"),
        "slow": histogram(rng.normal(0.3, size=4000), "slow"),
        "fast": histogram(rng.normal(2, size=4000), "fast"),
        "other_bins": histogram(rng.normal(size=4000), "other_bins", high=5.0),
    }
    now = {name: then[name] + new[name] for name in ("still", "slow", "fast")} | {"other_bins": new["other_bins"]}
    names = ["missing", *then]
    found = drifts(names, Population(then, 4000), Population(now, 8000), Population(new, 4000))
    assert [each.feature for each in found.drifts] == ["fast", "slow", "still"]
    assert found.left_out == {
        "missing": "its training data have no control histogram of it",
        "other_bins": "its control histogram has another axis now",
        "gone": "the data of now have no control histogram of it",
    }
    found = found.drifts
    assert found[0].worst > 2
    assert found[-1].worst == 0
    assert found[0].shift
    assert found[0].shift_arrived
    assert found[0].shift_arrived.index > found[0].shift.index
    assert [as_shape(each.to_dict(), Drift) for each in found] == found
    alone = drifts(names, Population(then, 4000), Population(now, 8000), None).drifts
    assert all(each.shift_arrived is None and each.arrived == [] for each in alone)
