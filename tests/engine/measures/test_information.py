"""Information against what is known in closed form: of two normal variables with a correlation ρ, −½ ln(1 − ρ²)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from lineshape.engine.core.columns import Column
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.kinds.agreement import Agreement
from lineshape.engine.measures.kinds.information import Information
from lineshape.engine.measures.measure import BASELINE, Figure, Measured, Objects
from tests.engine.measures.variables import RHO, exact, pairs, pairs_at

TRUE = -0.5 * np.log(1 - RHO**2)
MEANINGS = {"truth": Column("θ", "GeV", -4, 4), "x": Column("Known", "GeV", -4, 4)}
N = 40_000


def objects(
    rng: np.random.Generator, log_density_ratio: Any = exact, calibration: Mapping[str, Any] | None = None
) -> Objects:
    return replace(pairs(rng, N), log_density_ratio=log_density_ratio, calibration=calibration or {})


def figures(
    measure: Information, *filled: Objects, references: Mapping[str, Histograms] | None = None
) -> dict[str, Figure]:
    histograms = measure.empty(MEANINGS)
    for each in filled:
        measure.fill(histograms, each)
    return {figure.figure: figure for figure in measure.figures(histograms, references or {})}


def test_the_information_of_a_classifier_that_is_right(rng: np.random.Generator) -> None:
    """All that estimates it agree with what is true, within five of their uncertainties (false alarm 6e-7 each)."""
    measure = Information(truth="truth", parameters=["truth"], negatives=63)
    found = figures(measure, objects(rng))
    for name in ("information", "donsker_varadhan", "nguyen_wainwright_jordan"):
        assert found[name].value == pytest.approx(TRUE, abs=5 * found[name].uncertainty)
        assert found[name].uncertainty < 0.02
    assert found["info_nce"].value < TRUE
    assert found["info_nce"].value == pytest.approx(TRUE, abs=0.03)


def test_bounds_hold_where_the_classifier_is_wrong(rng: np.random.Generator) -> None:
    """One that boasts: its own word is too high, and the bounds stay below."""
    measure = Information(truth="truth", parameters=["truth"])
    found = figures(measure, objects(rng, lambda v, p: 1.3 * exact(v, p) + 0.4))
    assert found["information"].value > TRUE + 0.3
    for name in ("donsker_varadhan", "nguyen_wainwright_jordan", "info_nce"):
        assert found[name].value < TRUE
    # A constant is nothing to Donsker and Varadhan, nor to InfoNCE.
    plain = figures(measure, objects(np.random.default_rng(20260101), lambda v, p: 1.3 * exact(v, p)))
    for name in ("donsker_varadhan", "info_nce", "auc"):
        assert found[name].value == pytest.approx(plain[name].value, abs=0.01)


def test_info_nce_ends_at_the_logarithm_of_the_batch(rng: np.random.Generator) -> None:
    measure = Information(truth="truth", parameters=["truth"], negatives=3)
    found = figures(measure, objects(rng, lambda v, p: -1000 * (v - p.reshape(len(p))) ** 2))
    assert found["info_nce"].value <= np.log(4) + 1e-2


def test_differences_are_of_the_same_events(rng: np.random.Generator) -> None:
    measure = Information(truth="truth", parameters=["truth"])
    filled, histograms = objects(rng), measure.empty(MEANINGS)
    measure.fill(histograms, filled)
    found = figures(measure, filled, references={BASELINE: histograms, "other": histograms})
    for name in ("auc_minus_baseline", "information_minus_other"):
        assert found[name].value == 0
        assert found[name].uncertainty == 0


def test_a_model_that_judges_nothing_has_no_figures(rng: np.random.Generator) -> None:
    measure = Information(truth="truth", parameters=["truth"])
    assert figures(measure, objects(rng, None)) == {}


def test_correlations_are_those_of_ranks(rng: np.random.Generator) -> None:
    """Of 200 bins of ranks, against SciPy's; a variable that falls with the known one is turned."""
    measure = Agreement(truth="truth", known="x", at=[{"truth": 1.0}, {"truth": 2.0}])
    calibration = measure.calibrate([objects(rng)])
    assert not calibration["rises"]
    filled, histograms = objects(rng, calibration=calibration), measure.empty(MEANINGS)
    measure.fill(histograms, filled)
    found = {figure.figure: figure for figure in measure.figures(histograms, {})}
    expected = abs(spearmanr(filled.prediction.estimate, filled.columns["x"]).statistic)
    assert found["spearman"].value == pytest.approx(expected, abs=1e-3)
    assert found["distance_correlation"].value > 0.99
    x, y = (np.asarray(axis.centers) for axis in histograms["map"].axes[:2])
    counts = histograms["map"].values().sum(axis=-1)
    means = (counts * y).sum(axis=1)[20:40] / counts.sum(axis=1)[20:40]
    assert (np.diff(means) > 0).all()
    assert len(x) == len(y)
    parts = histograms["map"].values(flow=True).sum(axis=(0, -1))[1:-1]  # of the variable, whatever the known one is
    assert parts / parts.sum() == pytest.approx(1 / len(y), abs=0.003)
    near = np.abs(filled.columns["truth"] - 1) <= 0.05
    assert histograms["variable_at"].values(flow=True)[..., 0, :].sum() == near.sum()
    measured = Measured("s", {"m": histograms}, {"m": "V"}, "m", MEANINGS)
    assert [plot.name for plot in measure.plots(measured)] == ["map_m", "at_m", "at_known"]


def test_independent_variables_agree_in_nothing(rng: np.random.Generator) -> None:
    """Within five standard errors of zero (false alarm 6e-7), of the unbiased correlation five of its jackknife."""
    measure = Agreement(truth="truth", known="x")
    one = objects(rng)
    mixed = Objects({**one.columns, "x": rng.permutation(one.columns["x"])}, one.prediction, one.group)
    calibration = measure.calibrate([mixed])
    histograms = measure.empty(MEANINGS)
    measure.fill(histograms, Objects(mixed.columns, mixed.prediction, mixed.group, calibration=calibration))
    found = {figure.figure: figure for figure in measure.figures(histograms, {})}
    assert found["spearman"].value < 5 / N**0.5
    assert found["distance_correlation"].value == pytest.approx(0, abs=1e-3)


def test_the_order_in_a_shard_means_nothing(rng: np.random.Generator) -> None:
    """Of events sorted by their parameter neighbours are alike, and pairs of two would be pairs of one."""
    measure, whole = Information(truth="truth", parameters=["truth"]), objects(rng)
    found = figures(measure, pairs_at(whole, np.argsort(whole.columns["truth"])))
    assert found["donsker_varadhan"].value == pytest.approx(TRUE, abs=5 * found["donsker_varadhan"].uncertainty)
