"""Measures of classifiers: what they read off histograms is what the objects themselves say."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.columns import Column
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.kinds.decorrelation import Decorrelation, distance_correlation
from lineshape.engine.measures.kinds.importance import Importance
from lineshape.engine.measures.kinds.score_distribution import ScoreDistribution
from lineshape.engine.measures.kinds.tagging import Tagging
from lineshape.engine.measures.measure import BASELINE, Figure, Measure, Measured, Objects
from lineshape.engine.measures.points import Points
from tests.engine.measures.tagged import CLASSES, TAGGING, muons, muons_at, predict

MEANINGS = {name: Column(name, "", -2, 2) for name in ("truth", "eta", "x", "noise")}


def tagging(**changes: Any) -> Tagging:
    return Tagging(truth="truth", **TAGGING["tagging"] | changes)


def filled(measure: Measure, whole: Objects) -> Histograms:
    histograms = measure.empty(MEANINGS)
    calibration = measure.calibrate([whole])
    for split in measure.splits:
        measure.fill(histograms, replace(whole, split=split, calibration=calibration))
    return histograms


def figures(measure: Measure, whole: Objects, **references: Objects) -> dict[str, Figure]:
    others = {name: filled(measure, other) for name, other in references.items()}
    return {found.figure: found for found in measure.figures(filled(measure, whole), others) if not found.by}


def auc(signal: np.ndarray, background: np.ndarray) -> float:
    """By ranks, of all pairs."""
    order = np.concatenate([signal, background]).argsort().argsort() + 1
    return float((order[: len(signal)].sum() - len(signal) * (len(signal) + 1) / 2) / (len(signal) * len(background)))


def of_class(whole: Objects, name: str) -> np.ndarray:
    return whole.prediction.estimate[whole.columns["truth"] == CLASSES.index(name)]


def test_auc_is_the_share_of_pairs_in_the_right_order(rng: np.random.Generator) -> None:
    whole = muons(rng)
    found = figures(tagging(), whole)
    for name in ("prompt", "fake"):
        expected = auc(of_class(whole, "tau"), of_class(whole, name))
        assert found[f"auc_{name}"].value == pytest.approx(expected, abs=2e-4)
    both = np.concatenate([of_class(whole, "prompt"), of_class(whole, "fake")])
    assert found["auc"].value == pytest.approx(auc(of_class(whole, "tau"), both), abs=2e-4)


def test_a_mean_over_some_of_the_bins_says_which(rng: np.random.Generator) -> None:
    """Bins with few objects are left out of it: the value is that of the others."""
    whole = muons(rng)
    column = tagging().points.column
    edge = float(np.quantile(whole.columns[column], 0.995))
    points = tagging().points.model_dump() | {"edges": [-9.0, edge, 9.0]}
    found = figures(tagging(points=points), whole)
    mean, alone = found["mean_efficiency_prompt"], found["efficiency_prompt"]
    assert mean.remark == f"means over 1 of 2 bins, -9–{edge:g}"
    assert mean.entries < alone.entries
    assert found["auc"].remark == ""
    many = figures(tagging(points=points | {"edges": [-9.0, float(np.median(whole.columns[column])), 9.0]}), whole)
    assert many["mean_efficiency_prompt"].remark == ""
    assert many["mean_efficiency_prompt"].entries == many["efficiency_prompt"].entries


def test_a_score_of_chance_is_called_so(rng: np.random.Generator) -> None:
    """Beyond two standard deviations in one of twenty trials: of one seed."""
    whole = muons(rng)
    assert figures(tagging(), whole)["auc"].remark == ""
    noise = replace(whole.prediction, estimate=rng.normal(size=len(whole.group)))
    assert figures(tagging(), replace(whole, prediction=noise))["auc"].remark == "no better than chance"


def test_the_uncertainty_of_an_auc_is_its_spread(rng: np.random.Generator) -> None:
    """Of 40 samples: the spread is known to 11 %, that of the uncertainties to 3 %; false alarm 1 in 2,000."""
    found = [figures(tagging(), muons(rng, 2000))["auc"] for _ in range(40)]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.mean([one.uncertainty for one in found]) == pytest.approx(spread, rel=0.4)


def test_what_passes_the_one_threshold_of_half_the_signal(rng: np.random.Generator) -> None:
    whole = muons(rng)
    threshold = np.median(of_class(whole, "tau"))
    found = figures(tagging(), whole)
    for name in ("prompt", "fake"):
        expected = 100 * (of_class(whole, name) > threshold).mean()
        assert found[f"{name}_at_50"].value == pytest.approx(expected, abs=0.1)


def test_thresholds_hold_the_efficiency_of_the_signal_flat(rng: np.random.Generator) -> None:
    """The score depends on η, so one threshold would not; found on one half of the objects, used on the other."""
    whole = muons(rng)
    first, second = (muons_at(whole, rows) for rows in np.array_split(np.arange(40_000), 2))
    for share in (0.5, 0.8):
        measure = tagging(points={**TAGGING["tagging"]["points"], "efficiency": share})
        histograms = measure.empty(MEANINGS)
        measure.fill(histograms, replace(second, calibration=measure.calibrate([first])))
        rows = [f for f in measure.figures(histograms, {}) if f.figure == "efficiency_tau" and f.by == "eta"]
        assert len(rows) == 4
        # 1,500 signal objects a bin on either side: 1.8 % at most for each of four bins; false alarm 1 in 3,000.
        assert all(abs(row.value - 100 * share) < 4 * 1.8 for row in rows)
    one = np.median(of_class(first, "tau"))
    eta, tau = second.columns["eta"], second.columns["truth"] == 1
    assert (second.prediction.estimate > one)[tau & (eta > 1)].mean() > 0.6


def test_the_last_bin_of_thresholds_reaches_to_infinity(rng: np.random.Generator) -> None:
    points = Points(column="eta", edges=[-1, 0, 1])
    assert points.bins(np.array([-3.0, -1.0, 0.5, 1.0, 77.0, np.nan])).tolist() == [-1, 0, 1, 1, 1, -1]
    whole = muons(rng)
    found = figures(tagging(points=points.model_dump()), whole)
    inside = (whole.columns["eta"] >= -1) & (whole.columns["truth"] == 1)
    assert found["efficiency_tau"].entries == inside.sum()


def test_a_bin_with_few_of_the_signal_has_no_threshold(rng: np.random.Generator) -> None:
    measure = tagging(points={"column": "eta", "edges": [-2, 1.999, 2.0]})
    whole = muons(rng, 4000)
    calibration = measure.calibrate([whole])
    assert calibration["thresholds"][1] is None
    assert calibration["thresholds"][0] is not None
    found = figures(measure, whole)
    assert sum(found[f"efficiency_{name}"].entries for name in CLASSES) == (whole.columns["eta"] < 1.999).sum()


def test_rejections_are_held_against_those_of_another_model(rng: np.random.Generator) -> None:
    whole = muons(rng)
    blind = rng.random(len(whole.group))
    other = replace(whole, prediction=Prediction(blind, blind, None, None))
    found = figures(tagging(), whole, baseline=whole, blind=other)
    assert found["mean_rejection_prompt_over_baseline"].value == 1
    assert found["mean_rejection_prompt_over_baseline"].uncertainty == 0
    assert found["auc_minus_baseline"].value == 0
    passed = found["mean_efficiency_prompt"].value
    assert 15 < passed < 25
    ratio = found["mean_rejection_prompt_over_blind"]
    assert ratio.value == pytest.approx(50 / passed, rel=0.05)
    assert 0 < ratio.uncertainty < 0.2


def test_objects_that_the_model_is_not_for_are_left_out(rng: np.random.Generator) -> None:
    whole = muons(rng)
    estimate = np.where(whole.columns["eta"] < 0, np.nan, whole.prediction.estimate)
    histograms = filled(tagging(), replace(whole, prediction=Prediction(estimate, estimate, None, None)))
    assert histograms["roc"].sum(flow=True) == (whole.columns["eta"] >= 0).sum()
    rows = tagging().figures(histograms, {})
    assert {row.low for row in rows if row.by == "eta"} == {0, 1}


def test_a_plane_says_how_even_the_efficiency_is(rng: np.random.Generator) -> None:
    found = figures(tagging(), muons(rng))
    assert abs(found["plane_lowest"].value - 50) < 2
    assert abs(found["plane_highest"].value - 50) < 2
    assert found["plane_spread"].value < 1


def test_plots_hold_what_the_figures_say(rng: np.random.Generator) -> None:
    whole, measure = muons(rng), tagging(across=True, bands={"prompt": [0.1, 0.2]})
    histograms = {"net": filled(measure, whole)}
    measured = [Measured(name, histograms, {"net": "Network"}, "net", MEANINGS, name) for name in ("one", "two")]
    plots = {plot.name: plot for plot in measure.plots(measured[0])}
    rows = [f for f in measure.figures(histograms["net"], {}) if f.figure == "efficiency_prompt" and f.by == "eta"]
    drawn = plots["efficiency_prompt_by_eta"]
    assert (100 * drawn.series[0].y).tolist() == [row.value for row in rows]
    assert (drawn.bands[0].low, drawn.bands[0].high) == (0.1, 0.2)
    assert plots["efficiency_tau_by_eta"].reference == 0.5
    across = {plot.name: plot for plot in measure.plots_across(measured)}
    assert [series.key for series in across["efficiency_tau_across_net"].series] == ["one", "two"]
    plane = plots["plane_net"].plane
    assert plane is not None
    assert plane.values.shape == (2, 2)
    assert np.abs(plane.values - 0.5).max() < 0.02


def test_importance_may_be_that_of_a_part_of_the_objects(rng: np.random.Generator) -> None:
    """False alarms: four standard deviations each, 1 in 10⁴ in all; the seed is fixed."""
    whole = muons(rng)
    measure = Importance(truth="truth", **TAGGING["importance"])
    of_all = figures(measure, whole)["auc_loss_x"]
    of_some = figures(measure.model_copy(update={"share": 0.25}), whole)["auc_loss_x"]
    assert abs(of_some.entries - of_all.entries / 4) < 4 * np.sqrt(of_all.entries * 3 / 16)
    assert abs(of_some.value - of_all.value) < 4 * np.hypot(of_some.uncertainty, of_all.uncertainty)
    assert of_some.uncertainty > of_all.uncertainty


def test_importance_is_that_of_the_features_that_count(rng: np.random.Generator) -> None:
    whole = muons(rng)
    measure = Importance(truth="truth", **TAGGING["importance"])
    found = figures(measure, whole)
    assert found["importance_x"].value == pytest.approx(2, abs=1e-9)
    assert found["importance_noise"].value == pytest.approx(0, abs=1e-9)
    mixed = dict(whole.columns) | {"x": rng.permutation(whole.columns["x"])}
    label = whole.columns["truth"] == 1
    before, after = (
        auc(score[label], score[~label]) for score in (predict(each).estimate for each in (whole.columns, mixed))
    )
    # The loss differs between two permutations by about 0.003.
    assert found["auc_loss_x"].value == pytest.approx(before - after, abs=0.015)
    assert 0 < found["auc_loss_x"].uncertainty < 0.01


def test_where_nothing_counts_there_is_no_importance_but_losses(rng: np.random.Generator) -> None:
    """A ratio to a mean of nothing would be any number: −11 ± 5, say. False alarms: 1 in 700, and the seed is fixed."""
    whole, measure = muons(rng, 5000), Importance(truth="truth", **TAGGING["importance"])

    def guess(columns: Mapping[str, Any]) -> Prediction:
        return Prediction(columns["noise"], columns["noise"], None, None)

    whole = replace(whole, prediction=guess(whole.columns), predict=guess)
    assert set(figures(measure, whole)) == {"auc_loss_x", "auc_loss_noise"}
    measured = Measured("s", {"guess": filled(measure, whole)}, {"guess": "Guess"}, "guess", MEANINGS, "s")
    (plot,) = measure.plots(measured)
    assert plot.without_empty() is None


def brute_force(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased dCorr² from all pairs, as G. Székely and M. Rizzo define it."""

    def centred(values: np.ndarray) -> np.ndarray:
        n = len(values)
        d = np.abs(values[:, None] - values)
        u = d - d.sum(0) / (n - 2) - d.sum(1)[:, None] / (n - 2) + d.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(u, 0)
        return u

    a, b = centred(x), centred(y)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_distance_correlation_is_that_of_all_pairs(rng: np.random.Generator) -> None:
    x, y = np.linspace(0, 1, 7), np.array([0.0, 1.0, 1.5, 4.0])
    i = rng.integers(0, 7, 300)
    j = (i + rng.integers(0, 3, 300)) % 4
    counts = np.zeros((1, 7, 4))
    np.add.at(counts[0], (i, j), 1)
    assert distance_correlation(counts, x, y)[0] == pytest.approx(brute_force(x[i], y[j]), abs=1e-12)


def test_distance_correlation_of_independent_numbers_is_nought(rng: np.random.Generator) -> None:
    """Of 60 samples the mean is within four of its errors of 0, where the biased form has 3/n = 0.006."""
    measure = Decorrelation(truth="truth", **TAGGING["decorrelation"])

    def value(whole: Objects) -> float:
        score = rng.random(len(whole.group))
        return figures(measure, replace(whole, prediction=Prediction(score, score, None, None)))[
            "distance_correlation"
        ].value

    found = [value(muons(rng, 500)) for _ in range(60)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(60)
    assert 4 * np.std(found) / np.sqrt(60) < 0.003
    assert figures(measure, muons(rng))["distance_correlation"].value > 0.1


def test_scores_of_both_splits_agree_where_nothing_was_learnt_by_heart(rng: np.random.Generator) -> None:
    """χ² per degree of freedom of some 40 bins lies below 1.8 but for 1 case in 1,000."""
    measure = ScoreDistribution(truth="truth", **TAGGING["score_distribution"])
    training, test = muons(rng), muons(rng)

    def found(training: Objects) -> dict[str, Figure]:
        histograms = measure.empty(MEANINGS)
        measure.fill(histograms, replace(training, split="training"))
        measure.fill(histograms, replace(test, split="test"))
        return {figure.figure: figure for figure in measure.figures(histograms, {BASELINE: histograms})}

    assert all(0.3 < each.value < 1.8 for each in found(training).values())
    by_heart = np.where(training.columns["truth"] == 1, 0.2, 0) + 0.8 * training.prediction.estimate
    told = found(replace(training, prediction=Prediction(by_heart, by_heart, None, None)))
    assert told["training_test_chi2_tau"].value > 5


def test_figures_of_other_objects_are_not_held_against_each_other(rng: np.random.Generator) -> None:
    whole = muons(rng)
    estimate = np.where(whole.columns["eta"] < 0, np.nan, whole.prediction.estimate)
    half = replace(whole, prediction=Prediction(estimate, estimate, None, None))
    found = figures(tagging(), half, baseline=whole)
    assert not any(name.startswith("auc") and name.endswith("baseline") for name in found)
    # In the bins above η = 0 both have the same objects.
    assert found["mean_rejection_prompt_over_baseline"].value == 1
