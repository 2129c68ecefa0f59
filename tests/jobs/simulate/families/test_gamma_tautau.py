"""The simulated sample against the statistics of the real training sample (mc20d γ*→ττ)."""

import numpy as np
import pytest

from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from tests.benchmarks.features import REAL


@pytest.fixture(scope="module")
def taus() -> dict[str, np.ndarray]:
    """400,000 taus after the study's cuts; momenta in GeV."""
    sample = GammaTauTau().generate(400_000, np.random.default_rng(2022))
    counts = sample.counts["TauJetsAuxDyn"]
    flat = {name: values.astype(float) for name, values in sample.objects["TauJetsAuxDyn"].items()}
    flat |= {name.split(".")[-1]: np.repeat(values, counts).astype(float) for name, values in sample.events.items()}
    for name in [name for name in flat if "pt" in name or "Pt" in name or name == "Density"]:
        flat[name] /= 1000
    flat["mu"], flat["rho"] = flat["averageInteractionsPerCrossing"], flat["Density"]
    flat["eta"] = flat["etaPanTauCellBased"]
    flat["ptIntermediateAxisEM_over_LC"] = flat["ptIntermediateAxisEM"] / flat["ptIntermediateAxis"]
    flat["ptIntermediateAxis_over_ptCombined"] = flat["ptIntermediateAxis"] / flat["ptCombined"]
    flat["ptPanTauCellBased_over_ptCombined"] = flat["ptPanTauCellBased"] / flat["ptCombined"]
    flat["true/combined"] = flat["truthPtVis"] / flat["ptCombined"]
    passed = (flat["nTracks"] >= 1) & (flat["nTracks"] <= 5)
    for ratio in (
        "ptIntermediateAxisEM_over_LC",
        "ptIntermediateAxis_over_ptCombined",
        "ptPanTauCellBased_over_ptCombined",
    ):
        passed &= flat[ratio] < 25
    assert passed.mean() > 0.999
    return {name: values[passed] for name, values in flat.items()}


@pytest.mark.parametrize("feature", REAL)
def test_means_and_widths_are_those_of_the_real_sample(taus: dict[str, np.ndarray], feature: str) -> None:
    mean, deviation = REAL[feature]
    assert abs(taus[feature].mean() - mean) < 0.15 * deviation
    assert abs(taus[feature].std() - deviation) < 0.15 * deviation


def test_the_spectrum_falls_from_10_gev_over_a_tev(taus: dict[str, np.ndarray]) -> None:
    pt = taus["truthPtVis"]
    assert pt.min() >= 10
    assert (pt > 1000).sum() > 1000
    density = np.histogram(pt, np.geomspace(15, 2000, 12))[0] / np.diff(np.geomspace(15, 2000, 12))
    assert (np.diff(density) < 0).all()


def test_causes_show_in_energy_and_moments_alike(taus: dict[str, np.ndarray]) -> None:
    """The visible energy of a hadronic shower and what it looks like both follow from its electromagnetic fraction."""
    pion = (taus["truthDecayMode"] == 0) & (taus["truthPtVis"] > 20) & (taus["truthPtVis"] < 60)
    response = taus["ptIntermediateAxisEM"][pion] / taus["truthPtVis"][pion]
    assert np.corrcoef(response, taus["ClustersMeanFirstEngDens"][pion])[0, 1] > 0.1
    assert np.corrcoef(response, taus["ClustersMeanEMProbability"][pion])[0, 1] > 0.1


def test_neutral_pions_look_electromagnetic(taus: dict[str, np.ndarray]) -> None:
    modes = [taus["ClustersMeanEMProbability"][taus["truthDecayMode"] == mode].mean() for mode in range(5)]
    assert modes[0] < modes[1] < modes[2]
    assert modes[3] < modes[4]


def test_decay_mode_probabilities_are_calibrated(taus: dict[str, np.ndarray]) -> None:
    """Of the taus that are given 60–70 % for 1p1n about that many are (the prior leaves out the threshold in pT)."""
    given = taus["NNDecayModeProb_1p1n"]
    rows = (given > 0.6) & (given < 0.7)
    assert rows.sum() > 1000
    assert 0.5 < (taus["truthDecayMode"][rows] == 1).mean() < 0.8


def test_same_seed_same_sample() -> None:
    first, second = (GammaTauTau().generate(500, np.random.default_rng(9)) for _ in range(2))
    for name, values in first.objects["TauJetsAuxDyn"].items():
        assert values.tolist() == second.objects["TauJetsAuxDyn"][name].tolist()
    assert first.counts["TauJetsAuxDyn"].sum() == 500
