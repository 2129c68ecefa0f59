"""What sums over columns tell: separation, correlations, and what is wrong with a column."""

import numpy as np
import pytest

from lineshape.engine.results.look import ColumnSums, Correlations, FirstLook, Moments, separation

EDGES = np.linspace(-6, 6, 2001)
BINS = 50
ROWS = 200_000


def sums_of(values: np.ndarray, weight: np.ndarray | None = None) -> ColumnSums:
    return ColumnSums.of(values, weight, EDGES)


def test_the_separation_is_the_integral() -> None:
    """Of two Gaussians a standard deviation apart; its own error is some 0.001 here."""
    random = np.random.default_rng(1)
    one, other = random.normal(0, 1, ROWS), random.normal(1, 1, ROWS)
    x = np.linspace(-6, 7, 100_001)
    p, q = (np.exp(-0.5 * (x - mean) ** 2) / np.sqrt(2 * np.pi) for mean in (0, 1))
    integral = np.trapezoid(0.5 * (p - q) ** 2 / (p + q), x)
    found = separation(sums_of(one), sums_of(other), BINS)
    assert found is not None
    assert found.value == pytest.approx(integral, abs=0.004)
    assert found.expected < 0.001


def test_alike_and_apart() -> None:
    """Of one distribution it is what statistics give, within five of its standard deviations: one run in 10⁶ fails."""
    random = np.random.default_rng(2)
    one, other = random.normal(0, 1, 5000), random.normal(0, 1, 3000)
    found = separation(sums_of(one), sums_of(other), BINS)
    assert found is not None
    assert found.value == pytest.approx(found.expected, rel=5 * np.sqrt(2 / 25))
    apart = separation(sums_of(np.full(10, -3.0)), sums_of(np.full(10, 3.0)), BINS)
    assert apart is not None
    assert apart.value == 1
    assert separation(sums_of(np.zeros(0)), sums_of(one), BINS) is None


def test_weights_count() -> None:
    """Rows of weight two are as good as twice the rows."""
    random = np.random.default_rng(3)
    one, other = random.normal(0, 1, 4000), random.normal(0.5, 1, 4000)
    weight = np.where(np.arange(4000) < 1000, 2.0, 1.0)
    twice = np.concatenate([other, other[:1000]])
    weighted, counted = (separation(sums_of(one), each, BINS) for each in (sums_of(other, weight), sums_of(twice)))
    assert weighted is not None
    assert counted is not None
    assert weighted.value == pytest.approx(counted.value, rel=1e-12)
    assert weighted.expected > counted.expected, "fewer rows of larger weights tell less"


def test_sums_of_parts_are_those_of_the_whole() -> None:
    values = np.concatenate([np.random.default_rng(4).normal(0, 3, 999), [np.nan, np.inf, 100.0]])
    whole, parts = sums_of(values), sums_of(values[:400]) + sums_of(values[400:])
    assert np.array_equal(whole.counts, parts.counts)
    assert (whole.missing, whole.low, whole.high) == (parts.missing, parts.low, parts.high)
    assert whole.missing == 2
    assert whole.high == 100
    assert whole.outside == pytest.approx((np.abs(values[np.isfinite(values)]) >= 6).mean())
    assert sums_of(np.array([1.0, 2.0])).distinct == {1.0, 2.0}
    assert (sums_of(np.arange(15.0)) + sums_of(np.arange(10.0, 25.0))).distinct is None
    mixed = np.tile([1.0, 2.0], 20_000)
    mixed[-1] = 3
    assert sums_of(mixed).distinct == {1.0, 2.0, 3.0}, "also where the first rows are of few values"


def test_correlations_are_those_of_the_rows() -> None:
    """Linear ones as NumPy computes them with weights, those of ranks as SciPy, but for the 2,000 bins."""
    from scipy.stats import spearmanr

    random = np.random.default_rng(5)
    x = random.multivariate_normal([1, 0], [[1, 0.6], [0.6, 2]], 20_000)
    x[:, 1] = np.exp(x[:, 1] / 2) - 1
    weight = random.gamma(2, 0.5, len(x))
    parts = Moments.of(x[:7000], weight[:7000]) + Moments.of(x[7000:], weight[7000:])
    known = np.cov(x.T, aweights=weight)
    assert parts.correlation()[0, 1] == pytest.approx(known[0, 1] / np.sqrt(known[0, 0] * known[1, 1]), rel=1e-3)
    edges = np.linspace(-6, 60, 2001)
    sums = [ColumnSums.of(column, None, edges) for column in x.T]
    from lineshape.engine.results.look import places

    ranks = np.stack([each.ranks[places(column, edges)] for each, column in zip(sums, x.T, strict=True)], axis=1)
    assert Moments.of(ranks - 0.5, None).correlation()[0, 1] == pytest.approx(spearmanr(x).statistic, abs=2e-3)
    constant = Moments.of(np.stack([x[:, 0], np.ones(len(x))], axis=1), None).correlation()
    assert np.isnan(constant[0, 1])


def test_what_is_wrong_with_a_column_is_said() -> None:
    random = np.random.default_rng(6)
    columns = {
        "fine": random.normal(0, 1, 1000),
        "flat": np.ones(1000),
        "none": np.full(1000, np.nan),
        "some": np.where(np.arange(1000) < 100, np.nan, random.normal(0, 1, 1000)),
        "wide": random.normal(0, 10, 1000),
        "two": random.integers(0, 2, 1000).astype(float),
    }
    sums = {name: sums_of(values) for name, values in columns.items()}
    key = ("sample", "s")
    nothing: dict[tuple[str, str], Correlations] = {}
    groups, bins = {"class": (), "sample": ("s",)}, dict.fromkeys(sums, BINS)
    look = FirstLook(groups, {key: sums}, {key: 1000}, bins, (), ("flat",), nothing, ("l",))
    said = look.remarks()
    assert said[0] == "constant: flat"
    assert said[1] == "without any value: none"
    assert said[2] == "missing in some rows: some (10.00%)"
    assert said[3].startswith("outside of the range given for them: wide (5")
    assert said[4] == "discrete: two (2 values)"
    assert said[5:] == ["lists, which are not looked at: l", "left out of the correlations: flat"]
    assert look.pairs() == []
