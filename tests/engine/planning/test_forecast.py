"""Costs of two pilots, extrapolated: arithmetic alone."""

import math

import pytest

from lineshape.engine.planning.costs import Pace, PilotCosts, StageCost
from lineshape.engine.planning.forecast import (
    Estimate,
    ModelSteps,
    StageForecast,
    Training,
    extrapolated,
    forecast_of,
    makespan,
)


@pytest.mark.parametrize(("fixed", "slope"), [(0.0, 100.0), (5.0, 100.0), (7.0, 0.0)])
def test_a_straight_line_is_continued(fixed: float, slope: float) -> None:
    small, large = (Estimate(fixed + slope * share) for share in (0.02, 0.1))
    assert extrapolated(small, large, (0.02, 0.1)).value == pytest.approx(fixed + slope)


@pytest.mark.parametrize(("small", "large", "expected"), [(0.1, 10.0, 100.0), (10.0, 5.0, 5.0)])
def test_no_line_is_steeper_than_proportional_or_falls(small: float, large: float, expected: float) -> None:
    """Timings scatter, and costs have neither a part below zero nor one that falls with more data."""
    assert extrapolated(Estimate(small), Estimate(large), (0.02, 0.1)).value == pytest.approx(expected)


def test_uncertainties_grow_with_the_distance() -> None:
    """Those of both timings, by the straight line through them."""
    small, large = Estimate(3.0, 0.2), Estimate(11.0, 0.3)
    found = extrapolated(small, large, (0.02, 0.1))
    assert found.error == pytest.approx(math.hypot(0.3 * (1 + 0.9 / 0.08), 0.2 * 0.9 / 0.08))
    assert extrapolated(small, large, (0.2, 1.0)) == large


def test_trainings_go_to_whoever_is_free() -> None:
    assert makespan([3, 1, 1, 1], 2) == 3
    assert makespan([1, 1, 1, 3], 2) == 4
    assert makespan([5, 1], 8) == 5


def test_what_cannot_be_divided_takes_as_long_with_any_number_of_workers() -> None:
    stage = StageForecast("processing", Estimate(100.0), Estimate(2.0), longest=10.0)
    assert [stage.wall(workers).value for workers in (1, 5, 50)] == [102, 22, 12]
    one = StageForecast(
        "training", Estimate(0.0), Estimate(0.0), trainings=(Training("m", 3, Estimate(60.0), 40, False),)
    )
    assert [one.wall(workers).value for workers in (1, 2, 4)] == [180, 120, 60]
    assert one.work.value == 180


def costs(share: float) -> PilotCosts:
    """A job of which everything is known: 200 s of processing, 40 steps of 2 s, 0.1 s without rows."""
    made = PilotCosts(share)
    made.stages["processing"] = StageCost(100 * share + 1, (100 * share, 100 * share))
    step = 0.1 + 1.9 * share
    made.stages["training"] = StageCost(3 * step + 2, (), (3 * step + 2,))
    made.stages["reporting"] = StageCost(30.0, (50.0,), grows=False)
    made.paces["mdn"] = Pace(step, 3)
    made.disk["features"] = int(1e9 * share)
    made.memory = 5e8
    return made


def test_a_job_of_known_costs() -> None:
    models = {"mdn": ModelSteps(("mdn",), 5, 40, True)}
    found = forecast_of(costs(0.02), costs(0.1), models, 2)
    work = {stage.stage: stage.work.value for stage in found.stages}
    assert work["processing"] == pytest.approx(200)
    assert work["training"] == pytest.approx(5 * (2 + 40 * 2.0))
    assert work["reporting"] == 50
    assert found.disk["features"].value == pytest.approx(1e9)
    assert found.bottleneck(1).stage == "training"
    assert found.stages[0].wall(2).value == pytest.approx(100 + 1)
    assert found.stages[1].wall(5).value == pytest.approx(82)
