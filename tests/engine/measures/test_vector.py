"""A vector against the true one: what is known of recoils is found again, with its uncertainty."""

import numpy as np
import pytest

from lineshape.engine.core.columns import Column
from lineshape.engine.core.statistics import groups
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.kinds.vector import Vector
from lineshape.engine.measures.measure import BASELINE, Figure, Measured, Objects
from tests.engine.measures.vectors import RESPONSE, VECTOR, recoils, recoils_at

MEANINGS = {name: Column(name, "GeV", 0, 100) for name in ("truth", "x", "noise", "mu")}
MEASURE = Vector(truth="truth", **VECTOR["vector"])


def filled(whole: Objects) -> dict:
    histograms = MEASURE.empty(MEANINGS)
    MEASURE.fill(histograms, whole)
    return histograms


def by_name(figures: list[Figure], by: str = "", low: float | None = None) -> dict[str, Figure]:
    return {each.figure: each for each in figures if each.by == by and (not by or each.low == low)}


def test_what_is_known_is_found_again(rng: np.random.Generator) -> None:
    """Each within five of its own standard deviations: of nine figures one is off by chance in 200,000 trials."""
    histograms = filled(recoils(rng))
    figures = MEASURE.figures(histograms, {BASELINE: histograms})
    expected = {"mean_response": RESPONSE, "mean_bias": 1 - RESPONSE}
    for mu in (0.0, 20.0, 40.0):
        found = by_name(figures, "mu", mu)
        width = 5 + (mu + 10) / 10
        assert found["width"].value == pytest.approx(width, abs=5 * found["width"].uncertainty + 0.05)
        assert found["corrected"].value == pytest.approx(found["width"].value / found["response"].value)
        assert found["response"].value == pytest.approx(RESPONSE, abs=5 * found["response"].uncertainty)
    means = by_name(figures)
    for name, value in expected.items():
        assert means[name].value == pytest.approx(value, abs=5 * means[name].uncertainty)
        assert means[name].uncertainty < 0.01


def test_a_smaller_estimate_is_narrower_but_not_better(rng: np.random.Generator) -> None:
    """Half the vector: half the width, the same corrected width; the ratio is known better than either."""
    whole = recoils(rng)
    shrunk = Objects(whole.columns, Prediction(whole.prediction.estimate / 2, whole.prediction.target), whole.group)
    found = by_name(MEASURE.figures(filled(shrunk), {BASELINE: filled(whole)}))
    assert found["mean_width_over_baseline"].value == pytest.approx(0.5, abs=0.005)
    assert found["mean_corrected_over_baseline"].value == pytest.approx(1.0, abs=0.005)
    assert found["mean_corrected_over_baseline"].uncertainty < 0.3 * found["mean_corrected"].uncertainty
    assert found["mean_bias"].value == pytest.approx(1 - RESPONSE / 2, abs=0.01)


def test_means_say_which_bins_they_are_over(rng: np.random.Generator) -> None:
    """Five bins to 100: all of them, and those to 40 and from 60 to 80 where the others have too few objects."""
    whole = recoils(rng)
    for each in by_name(MEASURE.figures(filled(whole), {})).values():
        assert (each.low, each.high, each.entries, each.remark) == (0, 100, 40_000, "")
    true = whole.columns["truth"]
    rare = ((true > 40) & (true < 60)) | (true > 80)
    kept = np.flatnonzero(~rare | (np.arange(len(true)) % 100 == 0))
    part = recoils_at(whole, kept)
    histograms = filled(part)
    found = by_name(MEASURE.figures(histograms, {BASELINE: histograms}))
    assert "mean_width_over_baseline" in found
    for each in found.values():
        assert (each.low, each.high, each.entries) == (0, 80, (~rare).sum())
        assert each.remark == "over 3 of 5 bins, 0–40, 60–80 GeV"
    assert MEASURE.figures(filled(recoils_at(whole, np.arange(500))), {}) == []
    assert MEASURE.lacking == "no bin of truth has 400 objects"


def test_a_better_estimate_is_better_in_every_bin(rng: np.random.Generator) -> None:
    seed = int(rng.integers(1000))
    ours, theirs = (recoils(np.random.default_rng(seed), factor=factor) for factor in (0.8, 1.0))
    figures = MEASURE.figures(filled(ours), {BASELINE: filled(theirs), "other": filled(theirs)})
    ratios = [each for each in figures if each.figure == "corrected_over_baseline"]
    assert len(ratios) == 8
    assert all(abs(each.value - 0.8) < 0.02 for each in ratios)
    assert by_name(figures)["mean_corrected_over_other"].value == pytest.approx(0.8, abs=0.01)


def test_other_objects_give_no_ratio(rng: np.random.Generator) -> None:
    figures = MEASURE.figures(filled(recoils(rng, 10_000)), {BASELINE: filled(recoils(rng, 9_000))})
    assert not [each for each in figures if "_over_" in each.figure]


def test_a_model_of_one_quantity_adds_nothing(rng: np.random.Generator) -> None:
    whole = recoils(rng, 1000)
    flat = np.ones(1000)
    histograms = filled(Objects(whole.columns, Prediction(flat, flat), groups(np.arange(1000, dtype=np.uint64))))
    assert all(histogram.sum(flow=True) == 0 for histogram in histograms.values())
    assert MEASURE.figures(histograms, {BASELINE: histograms}) == []


def test_plots_show_every_figure_and_the_truth(rng: np.random.Generator) -> None:
    measured = Measured("w", {"a": filled(recoils(rng))}, {"a": "A"}, "a", MEANINGS)
    plots = {plot.name: plot for plot in MEASURE.plots(measured)}
    assert {"corrected_by_truth", "bias_by_mu", "across", "bias", "component_x", "component_y"} <= set(plots)
    # The estimate and the truth are of p itself, where a recoil is of −p.
    assert plots["component_x"].x_label == "$p_x$ [GeV]"
    shapes = {series.key: series for series in plots["length"].series}
    # Of lengths, uniform to 100, a hundredth lies in each unit.
    assert shapes["truth"].y[10:190].mean() == pytest.approx(0.0101, rel=0.02)
    assert shapes["truth"].dashed


def test_the_bias_of_each_event_is_distributed(rng: np.random.Generator) -> None:
    """Of true lengths L, uniform from 1 to 100, and a width w of 5 to 11: −0.2 L + w, so −10.1 in the mean."""
    measured = Measured("w", {"a": filled(recoils(rng))}, {"a": "A"}, "a", MEANINGS)
    (series,) = next(plot for plot in MEASURE.plots(measured) if plot.name == "bias").series
    centres, widths = (series.x[1:] + series.x[:-1]) / 2, np.diff(series.x)
    assert (series.y * widths).sum() == pytest.approx(1)
    mean = (series.y * widths * centres).sum()
    assert mean == pytest.approx((RESPONSE - 1) * 50.5, abs=0.3)
    spread = np.sqrt((series.y * widths * (centres - mean) ** 2).sum())
    assert spread == pytest.approx(np.sqrt(0.04 * 99**2 / 12 + 8**2 + 0.01 * 60**2 / 12), rel=0.02)


def test_means_are_over_bins_that_there_are() -> None:
    with pytest.raises(ValueError, match="over: 'pt' is not binned: expected one of truth, mu"):
        Vector(truth="truth", **VECTOR["vector"] | {"over": "pt"})


def test_a_width_over_no_response_is_left_out(rng: np.random.Generator) -> None:
    """An estimate of nothing has a width of nothing and no response; what is left is true."""
    whole = recoils(rng, 10_000)
    nothing = np.zeros_like(whole.prediction.estimate)
    figures = MEASURE.figures(filled(Objects(whole.columns, Prediction(nothing, nothing), whole.group)), {})
    assert figures
    assert all(np.isfinite(figure.value) for figure in figures)
