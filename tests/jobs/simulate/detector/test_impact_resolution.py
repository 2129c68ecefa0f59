"""Impact parameters as they are measured."""

import numpy as np
import pytest

from lineshape.jobs.simulate.detector.impact_resolution import POOR, RESOLUTIONS, Tracking, impact_errors

N = 40_000


def width(values: np.ndarray) -> float:
    """Half of the central 68 %."""
    low, high = np.quantile(values, [0.16, 0.84])
    return float((high - low) / 2)


def test_resolutions_are_those_of_the_tables() -> None:
    known = RESOLUTIONS["genuine"]
    found = known.of(known.d0, np.array([12.5, 12.5, 300.0]), np.array([0.2, -2.2, 0.2]))
    assert found == pytest.approx([0.0151, 0.0213, 0.0078])
    assert 0.082 < known.of(known.z0, np.array([4.0]), np.array([0.0]))[0] < 0.097
    card = RESOLUTIONS["card"]
    assert card.of(card.d0, np.array([20.0, 20.0]), np.array([0.0, 2.4])) == pytest.approx([0.014, 0.014])


@pytest.mark.parametrize(("tracking", "d0", "z0"), [("card", 0.014, 0.050), ("genuine", 0.0114, 0.0712)])
def test_good_tracks_scatter_as_they_should(tracking: Tracking, d0: float, z0: float) -> None:
    """Of 40,000 tracks a width is known to 0.5 %, and the scatter of resolutions adds 1 %."""
    rng = np.random.default_rng(3)
    found = impact_errors(np.full(N, 20.0), np.zeros(N), np.zeros(N, dtype=bool), tracking, rng)
    assert width(found[0]) == pytest.approx(d0, rel=0.04)
    assert width(found[1]) == pytest.approx(z0, rel=0.04)


def test_beyond_the_core_of_d0_there_are_badly_measured_tracks_alone() -> None:
    rng = np.random.default_rng(4)
    poor = rng.random(N) < POOR
    d0, z0 = impact_errors(np.full(N, 40.0), np.zeros(N), poor, "genuine", rng)
    assert width(d0[poor]) > 4 * width(d0[~poor])
    assert width(z0[poor]) > 1.5 * width(z0[~poor])
    assert poor[np.abs(d0) > 4 * width(d0[~poor])].mean() > 0.9
