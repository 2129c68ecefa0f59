"""Tracks and clusters of simulated taus against the sums and means that the taus were given."""

import numpy as np
import pytest

from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.taus.constituents import CONE, MERGED

TAUS, TRACKS, CLUSTERS = "TauJetsAuxDyn", "TauTracksAuxDyn", "TauClustersAuxDyn"


@pytest.fixture(scope="module")
def sample() -> Sample:
    return GammaTauTau(constituents=True).generate(20_000, np.random.default_rng(7))


def by_tau(sample: Sample, count: str, values: np.ndarray) -> np.ndarray:
    """Sums over each tau's constituents; every tau has some."""
    edges = np.concatenate([[0], np.cumsum(sample.objects[TAUS][count])])
    assert edges[-1] == len(values)
    return np.asarray(np.add.reduceat(values.astype(float), edges[:-1]))


def test_taus_are_the_same_with_and_without_them(sample: Sample) -> None:
    without = GammaTauTau().generate(20_000, np.random.default_rng(7))
    assert set(without.objects) == {TAUS}
    for name, values in without.objects[TAUS].items():
        assert np.array_equal(values, sample.objects[TAUS][name]), name


def test_events_hold_those_of_their_taus(sample: Sample) -> None:
    taus = sample.counts[TAUS]
    for collection, count in ((TRACKS, "nTracks"), (CLUSTERS, "nClusters")):
        first = np.concatenate([[0], np.cumsum(taus)])[:-1]
        assert np.array_equal(sample.counts[collection], np.add.reduceat(sample.objects[TAUS][count], first))


@pytest.mark.parametrize(
    ("moment", "mean"),
    [
        ("CENTER_LAMBDA", "ClustersMeanCenterLambda"),
        ("SECOND_LAMBDA", "ClustersMeanSecondLambda"),
        ("EM_PROBABILITY", "ClustersMeanEMProbability"),
    ],
)
def test_clusters_make_up_the_tau(sample: Sample, moment: str, mean: str) -> None:
    taus, clusters = sample.objects[TAUS], sample.objects[CLUSTERS]
    pt = by_tau(sample, "nClusters", clusters["pt"])
    assert pt == pytest.approx(taus["ptIntermediateAxis"], rel=1e-5)
    assert by_tau(sample, "nClusters", clusters["ptEM"]) == pytest.approx(taus["ptIntermediateAxisEM"], rel=1e-5)
    weighted = by_tau(sample, "nClusters", clusters[moment].astype(float) * clusters["pt"])
    assert weighted / pt == pytest.approx(taus[mean], rel=1e-4, abs=1e-4)


def test_the_density_of_clusters_is_that_of_the_tau(sample: Sample) -> None:
    """log10 ⟨ρ⟩/ΣE: each cluster's density is its own energy times what is kept of it."""
    taus, clusters = sample.objects[TAUS], sample.objects[CLUSTERS]
    pt = by_tau(sample, "nClusters", clusters["pt"])
    summed = by_tau(sample, "nClusters", 10.0 ** clusters["FIRST_ENG_DENS"] * clusters["pt"].astype(float) ** 2)
    assert np.log10(summed / pt**2) == pytest.approx(taus["ClustersMeanFirstEngDens"], abs=1e-4)


def test_clusters_are_apart_and_within_the_cone(sample: Sample) -> None:
    """Two clusters whose axes are near each other would have been one; hard taus are narrow, and have fewer."""
    taus, clusters = sample.objects[TAUS], sample.objects[CLUSTERS]
    counts = taus["nClusters"]
    eta, phi = (np.repeat(taus[f"truth{angle}Vis"].astype(float), counts) for angle in ("Eta", "Phi"))
    away = np.hypot(clusters["eta"] - eta, (clusters["phi"] - phi + np.pi) % (2 * np.pi) - np.pi)
    assert np.average(away < CONE + MERGED, weights=clusters["pt"]) > 0.98
    assert counts[taus["truthPtVis"] > 200_000].mean() < counts[taus["truthPtVis"] < 20_000].mean() - 0.5
    assert ((clusters["ENG_FRAC_EM"] >= 0) & (clusters["ENG_FRAC_EM"] <= 1 + 1e-6)).all()


def test_tracks_are_those_that_are_counted(sample: Sample) -> None:
    """A charged pion alone: its track points at it, and has its momentum within the resolution."""
    taus, tracks = sample.objects[TAUS], sample.objects[TRACKS]
    pt = by_tau(sample, "nTracks", tracks["pt"])
    alone = (taus["nTracks"] == 1) & (taus["truthDecayMode"] == 0) & (taus["truthPtVis"] < 40_000)
    assert np.median(pt[alone] / taus["truthPtVis"][alone]) == pytest.approx(1, abs=0.02)
    first = np.concatenate([[0], np.cumsum(taus["nTracks"])])[:-1][alone]
    assert np.std(tracks["eta"][first] - taus["truthEtaVis"][alone]) < 0.01
