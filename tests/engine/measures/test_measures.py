"""Measures: every kind merges, and reads off histograms what the objects themselves say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core import kinds
from lineshape.engine.core.columns import Column
from lineshape.engine.core.contents import Contents
from lineshape.engine.core.row_weight import EVENT_WEIGHT, RowWeight
from lineshape.engine.core.statistics import groups
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.learning.roles.model import Mixture
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.kinds.density import Density
from lineshape.engine.measures.kinds.response import Response
from lineshape.engine.measures.kinds.selection import Selection, halves
from lineshape.engine.measures.measure import BASELINE, Figure, Measure, Objects
from tests.engine.measures.tagged import TAGGING, muons, muons_at
from tests.engine.measures.variables import VARIABLES, pairs, pairs_at
from tests.engine.measures.vectors import VECTOR, recoils, recoils_at

NAMES = ("eta", "x", "noise", "mu")
MEANINGS = {"truth": Column("True", "GeV", 0, 100)} | {name: Column(name, "", -2, 2) for name in NAMES}
MEASURES = "lineshape.engine.measures.kinds"
#: Kinds that compare estimates with a truth; others are of several samples, and are put to the test by themselves.
KINDS = [
    name
    for name in kinds.names(MEASURES, Measure)
    if kinds.find(MEASURES, Measure, name).model_fields["truth"].is_required()
]
#: Settings with which every kind is put to the contract.
SETTINGS: dict[str, dict[str, Any]] = {
    "response": {"by": {"eta": {"low": -2, "high": 2, "bins": 4}}},
    "density": {},
    "selection": {},
    **TAGGING,
    **VECTOR,
    **VARIABLES,
}
#: Objects of each kind, and how they are cut.
WHOLE: dict[str, Any] = {
    **dict.fromkeys(TAGGING, (muons, muons_at)),
    **dict.fromkeys(VECTOR, (recoils, recoils_at)),
    **dict.fromkeys(VARIABLES, (pairs, pairs_at)),
}
#: Kinds that look at objects together, and may only do so with those of one shard.
TOGETHER = {"importance", "information"}


def objects(rng: np.random.Generator, n: int = 40_000) -> Objects:
    """A model whose density is right: a mixture, and a truth drawn from it."""
    per = rng.uniform(20, 80, n)
    means = np.column_stack([np.full(n, 1.0), np.full(n, 1.1)])
    sigmas = np.column_stack([rng.uniform(0.05, 0.15, n), np.full(n, 0.4)])
    weights = np.column_stack([np.full(n, 0.9), np.full(n, 0.1)])
    second = rng.random(n) < 0.1
    target = rng.normal(np.where(second, 1.1, 1.0), np.where(second, 0.4, sigmas[:, 0]))
    mixture = Mixture(weights, means, sigmas)
    prediction = Prediction(mixture.mean * per, mixture.mean, mixture.sigma / mixture.mean, mixture)
    columns = {"truth": target * per, "eta": rng.uniform(-2, 2, n)}
    return Objects(columns, prediction, groups(np.arange(n, dtype=np.uint64)))


def part(whole: Objects, rows: np.ndarray) -> Objects:
    p, m = whole.prediction, whole.prediction.mixture
    assert p.spread is not None
    assert m is not None
    mixture = Mixture(m.weights[rows], m.means[rows], m.sigmas[rows])
    prediction = Prediction(p.estimate[rows], p.target[rows], p.spread[rows], mixture)
    return Objects({name: values[rows] for name, values in whole.columns.items()}, prediction, whole.group[rows])


def figures(measure: Measure, whole: Objects) -> dict[str, Figure]:
    histograms = measure.empty(MEANINGS)
    measure.fill(histograms, whole)
    return {figure.figure: figure for figure in measure.figures(histograms, {BASELINE: histograms}) if not figure.by}


def built(kind: str) -> Measure:
    return kinds.find(MEASURES, Measure, kind)(truth="truth", **SETTINGS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_parts_merge_to_the_whole(kind: str, rng: np.random.Generator) -> None:
    measure = built(kind)
    make, cut = WHOLE.get(kind, (objects, part))
    whole = make(rng, 5000)
    rows = [np.arange(5000)] if kind in TOGETHER else np.array_split(np.arange(5000), 7)
    calibration = measure.calibrate([cut(whole, each) for each in rows])
    assert calibration == measure.calibrate([whole])
    together, apart = measure.empty(MEANINGS), measure.empty(MEANINGS)
    for split in measure.splits:
        measure.fill(together, replace(whole, split=split, calibration=calibration))
        for each in rows:
            measure.fill(apart, replace(cut(whole, each), split=split, calibration=calibration))
    for name, histogram in together.items():
        assert (histogram.values(flow=True) == apart[name].values(flow=True)).all()
        assert histogram.sum(flow=True) > 0
        assert histogram.axes[-1].name == "group"


@pytest.mark.parametrize("weight", [1.0, 0.01])
@pytest.mark.parametrize("kind", KINDS)
def test_equal_weights_change_nothing(kind: str, weight: float, rng: np.random.Generator) -> None:
    """Figures, their uncertainties and numbers of entries; a measure may also count each object once."""
    measure = built(kind)
    make, _ = WHOLE.get(kind, (objects, part))
    whole = make(rng, 6000)
    whole = replace(whole, weight=np.full(len(whole.group), weight))
    weighted = MEANINGS | {EVENT_WEIGHT: RowWeight().metadata("")}
    calibration = measure.calibrate([whole])
    sums, counts, once = (
        measure.empty(weighted),
        measure.empty(MEANINGS),
        measure.model_copy(update={"weighted": False}),
    )
    unweighted = once.empty(weighted)
    for split in measure.splits:
        for histograms in (sums, counts, unweighted):
            measure.fill(histograms, replace(whole, split=split, calibration=calibration))
    found, known, same = (measure.figures(each, {BASELINE: each}) for each in (sums, counts, unweighted))
    assert same == known
    assert [(each.figure, each.by, each.low) for each in found] == [(each.figure, each.by, each.low) for each in known]
    for one, other in zip(found, known, strict=True):
        if one.figure.startswith("training_test_chi2"):  # the same sample twice: 0
            continue
        assert one.value == pytest.approx(other.value, rel=1e-6, abs=1e-9), one.figure
        assert one.entries == pytest.approx(other.entries, abs=1), one.figure
        assert one.uncertainty == pytest.approx(other.uncertainty, rel=0.3, abs=1e-9), one.figure


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_a_half_are_that_half(kind: str, rng: np.random.Generator) -> None:
    """Where the other half has weight 0; but for measures that look at objects together."""
    if kind in TOGETHER:
        pytest.skip("it permutes or pairs objects, so that other objects change its draws")
    measure = built(kind)
    make, cut = WHOLE.get(kind, (objects, part))
    whole = make(rng, 8000)
    rows = np.arange(8000) % 2 == 0
    calibration = measure.calibrate([replace(whole, weight=rows.astype(float))])
    weighted, alone = measure.empty(MEANINGS | {EVENT_WEIGHT: RowWeight().metadata("")}), measure.empty(MEANINGS)
    for split in measure.splits:
        measure.fill(weighted, replace(whole, split=split, calibration=calibration, weight=rows.astype(float)))
        measure.fill(alone, replace(cut(whole, np.flatnonzero(rows)), split=split, calibration=calibration))
    for name, histogram in alone.items():
        assert (histogram.values(flow=True) == weighted[name].values(flow=True)).all(), name


@pytest.mark.parametrize("kind", KINDS)
def test_weights_below_zero_give_no_figure(kind: str, rng: np.random.Generator) -> None:
    """Nor thresholds: of a sum that is not above zero there is no distribution."""
    measure = built(kind)
    make, _ = WHOLE.get(kind, (objects, part))
    whole = make(rng, 3000)
    whole = replace(whole, weight=-rng.random(3000))
    histograms = measure.empty(MEANINGS | {EVENT_WEIGHT: RowWeight().metadata("")})
    for split in measure.splits:
        measure.fill(histograms, replace(whole, split=split, calibration=measure.calibrate([whole])))
    assert measure.figures(histograms, {BASELINE: histograms}) == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_filled_gives_no_figure(kind: str) -> None:
    measure = built(kind)
    empty = measure.empty(MEANINGS)
    assert measure.figures(empty, {BASELINE: empty}) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_headline_is_of_figures_that_there_are(kind: str, rng: np.random.Generator) -> None:
    measure = built(kind)
    make, _ = WHOLE.get(kind, (objects, part))
    whole = make(rng, 20_000)
    histograms = measure.empty(MEANINGS)
    for split in measure.splits:
        measure.fill(histograms, replace(whole, split=split, calibration=measure.calibrate([whole])))
    found = {figure.figure for figure in measure.figures(histograms, {BASELINE: histograms})}
    assert found
    assert found >= set(measure.headline.values())


def test_response_is_that_of_the_objects(rng: np.random.Generator) -> None:
    whole = objects(rng)
    response = whole.prediction.estimate / whole.columns["truth"]
    response = response[whole.columns["truth"] > 0]
    found = figures(Response(truth="truth", by={"eta": Binning(low=-2, high=2, bins=4)}), whole)
    low, high = np.quantile(response, [0.16, 0.84])
    assert found["half_68"].value == pytest.approx((high - low) / 2, rel=0.01)
    assert found["median"].value == pytest.approx(np.median(response), abs=2e-3)
    assert found["half_68_over_baseline"].value == 1
    assert found["half_68"].entries == len(response)


def test_response_by_eta_has_its_bins(rng: np.random.Generator) -> None:
    measure = Response(truth="truth", by={"eta": Binning(edges=[-2, 0, 2])})
    histograms = measure.empty(MEANINGS)
    measure.fill(histograms, objects(rng, 4000))
    rows = [f for f in measure.figures(histograms, {BASELINE: histograms}) if f.by == "eta" and f.figure == "half_68"]
    assert [(row.low, row.high) for row in rows] == [(-2, 0), (0, 2)]
    assert sum(row.entries for row in rows) == pytest.approx(4000, abs=100)


def test_density_of_a_right_model_is_right(rng: np.random.Generator) -> None:
    """Five jackknife errors; with the seed fixed there is no false alarm to come."""
    found = figures(Density(truth="truth"), objects(rng))
    for name, expected in (
        ("coverage_68", 68),
        ("coverage_95", 95),
        ("pull_width", 1),
        ("pull_median", 0),
    ):
        assert abs(found[name].value - expected) < 5 * found[name].uncertainty
    assert found["pit_chi2_per_degree"].value < 3
    whole = objects(np.random.default_rng(20260101))
    m = whole.prediction.mixture
    assert m is not None
    target = (whole.columns["truth"] / whole.prediction.estimate * whole.prediction.target)[:, np.newaxis]
    density = (m.weights * np.exp(-0.5 * ((target - m.means) / m.sigmas) ** 2) / m.sigmas).sum(axis=1) / np.sqrt(
        2 * np.pi
    )
    assert found["nll"].value == pytest.approx(-np.log(density).mean(), abs=2e-3)


def test_density_of_a_wrong_model_is_wrong(rng: np.random.Generator) -> None:
    whole = objects(rng, 10_000)
    m = whole.prediction.mixture
    assert m is not None
    narrow = Mixture(m.weights, m.means, m.sigmas / 2)
    p = whole.prediction
    found = figures(
        Density(truth="truth"), Objects(whole.columns, Prediction(p.estimate, p.target, p.spread, narrow), whole.group)
    )
    assert found["coverage_68"].value < 50
    assert found["pit_chi2_per_degree"].value > 10


def test_selection_takes_the_tightest_half(rng: np.random.Generator) -> None:
    whole = objects(rng)
    found = figures(Selection(truth="truth"), whole)
    spread, good = whole.prediction.spread, whole.columns["truth"] > 0
    assert spread is not None
    response = (whole.prediction.estimate / whole.columns["truth"])[good]
    tight = response[spread[good] <= np.median(spread[good])]
    low, high = np.quantile(tight, [0.16, 0.84])
    assert found["half_68_tightest_half"].value == pytest.approx((high - low) / 2, rel=0.02)
    assert found["half_68_tightest_half_over_inclusive"].value < 0.9


def test_the_halves_share_the_bin_of_the_median(rng: np.random.Generator) -> None:
    counts = rng.integers(0, 50, (3, 5, 8)).astype(float)
    tightest, loosest = (half.values for half in halves(Contents(counts, counts)))
    assert tightest.sum() == pytest.approx(loosest.sum())
    np.testing.assert_allclose(tightest + loosest, counts.sum(axis=1))
    one_bin = np.zeros((1, 4, 2))
    one_bin[0, 2] = [6, 4]
    np.testing.assert_allclose(halves(Contents(one_bin, one_bin))[0].values, [[3, 2]])
