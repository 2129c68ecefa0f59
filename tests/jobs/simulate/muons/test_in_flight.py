"""Hadrons that decay within the detector: straight lines whose answers are known."""

import numpy as np
import pytest

from lineshape.jobs.simulate.muons.in_flight import (
    CALORIMETER,
    INNER_DETECTOR,
    INTERACTION_LENGTH,
    InnerTrack,
    comes_through,
    inner_track,
    is_found,
)
from lineshape.jobs.simulate.physics.kinematics import cylindrical
from lineshape.jobs.simulate.physics.lepton_decays import impact


def closest(momentum: np.ndarray, vertex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, eta, phi = cylindrical(momentum)
    return impact(vertex, eta, phi)


def test_impact_of_a_line() -> None:
    """Along y at x = −2 mm, rising 1 mm a mm: closest at y = 0, where z was 3 − 5."""
    d0, z0 = closest(np.array([[0.0, 4.0, 4.0]]), np.array([[-2.0, 5.0, 3.0]]))
    assert d0[0] == pytest.approx(2.0)
    assert z0[0] == pytest.approx(-2.0)


def test_impact_is_the_same_all_along_a_line() -> None:
    rng = np.random.default_rng(4)
    momentum, vertex = rng.normal(size=(2, 100, 3))
    moved = vertex + rng.uniform(-3, 3, (100, 1)) * momentum
    np.testing.assert_allclose(closest(momentum, moved), closest(momentum, vertex), atol=1e-9)


def kinked(radius: float, charged: bool = True) -> InnerTrack:
    """A hadron of 12 GeV along x that decays at a radius to a muon of 8 GeV, turned by 0.01."""
    muon, hadron = 8 * np.array([[np.cos(0.01), np.sin(0.01), 0.0]]), np.array([[12.0, 0.0, 0.0]])
    decay = np.array([[radius, 0.0, 0.0]])
    return inner_track(muon, hadron, decay, np.zeros((1, 3)), np.array([charged]))


def test_a_decay_before_the_first_layer_is_the_muon_alone() -> None:
    track = kinked(20)
    assert track.pt[0] == pytest.approx(8)
    assert track.d0[0] == pytest.approx(-20 * np.sin(0.01))


def test_a_decay_behind_the_inner_detector_is_the_hadron_alone() -> None:
    track = kinked(INNER_DETECTOR[0] + 1)
    assert track.pt[0] == pytest.approx(12)
    assert track.d0[0] == pytest.approx(0)


def test_a_decay_within_mixes_both() -> None:
    track = kinked(500)
    assert 8 < track.pt[0] < 12
    assert -500 * np.sin(0.01) < track.d0[0] < 0


def test_a_neutral_hadron_leaves_no_track() -> None:
    assert kinked(500, charged=False).pt[0] == pytest.approx(8)


def test_tracks_that_start_late_or_far_from_the_beam_are_lost() -> None:
    starts = np.array([[0.0, 0, 0], [200, 0, 0], [400, 0, 0], [0, 0, 1000], [0, 0, 0]])
    d0 = np.array([0.0, 0, 0, 0, -20])
    assert is_found(InnerTrack(d0 + 10, d0, d0), starts).tolist() == [True, True, False, False, False]


def test_hadrons_are_lost_in_the_calorimeter_alone() -> None:
    """One interaction length inside 1/e are left; 5 standard deviations of 10,000: a false alarm in two million."""
    rng = np.random.default_rng(5)
    n = 10_000
    before = np.tile([CALORIMETER[0] - 1, 0, CALORIMETER[1] - 1], (n, 1))
    inside = np.tile([0.0, CALORIMETER[0] + INTERACTION_LENGTH, 0], (n, 1))
    assert comes_through(before, rng).all()
    expected = np.exp(-1)
    assert abs(comes_through(inside, rng).mean() - expected) < 5 * np.sqrt(expected * (1 - expected) / n)
