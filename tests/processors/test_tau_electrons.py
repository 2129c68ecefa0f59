"""Electrons of genuine files against plain Python."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from lineshape.processors.leptons import FAKE, PROMPT, TAU, LeptonCuts
from lineshape.processors.physlite import GSF_TRACKS
from lineshape.processors.tau_electrons import TauElectrons
from tests.processors.leptons import by_hand, genuine, numpy_columns, of_genuine

RELEASES = ("r21", "r22", "r23")


@pytest.mark.parametrize(
    ("release", "reconstructed", "medium", "origins"),
    [("r21", 37, 29, [22, 3, 1]), ("r22", 134, 124, [118, 0, 0]), ("r23", 27, 18, [13, 2, 1])],
)
def test_origins_in_genuine_files(
    shared: Path, release: str, reconstructed: int, medium: int, origins: list[int]
) -> None:
    """Electrons seen by way of a photon that they radiated (1, 5 and 1 of them) count for what they are."""
    found = of_genuine(TauElectrons, LeptonCuts(), shared, release)
    assert list(found.cut_flow.values())[:4] == [reconstructed, reconstructed, reconstructed, medium]
    origin = ak.to_numpy(found.columns["origin"])
    assert [(origin == each).sum() for each in (PROMPT, TAU, FAKE)] == origins


@pytest.mark.parametrize("release", RELEASES)
def test_features_are_those_of_the_first_track(shared: Path, release: str) -> None:
    found = numpy_columns(of_genuine(TauElectrons, LeptonCuts(), shared, release))
    tracks = by_hand(genuine(shared, release), "AnalysisElectronsAuxDyn.", "GSFTrackParticlesAuxDyn.", GSF_TRACKS)
    tracks = [track for track in tracks if np.isclose(found["pt"], track["ownPt"], rtol=1e-6).any()]
    assert len(tracks) == len(found["pt"])
    for name in ("absD0", "absZ0SinTheta", "absDeltaZ0", "relativePtError"):
        assert found[name] == pytest.approx([track[name] for track in tracks], rel=1e-4, abs=1e-6), name
    rho = [(track["trackPt"] - track["ownPt"]) / track["ownPt"] for track in tracks]
    assert found["rhoPrime"] == pytest.approx(rho, rel=1e-3, abs=1e-5)
    for track in tracks:
        assert track["trackEta"] == pytest.approx(track["ownEta"], abs=0.03)


@pytest.mark.parametrize("release", RELEASES)
def test_prompt_electrons_are_plausible(shared: Path, release: str) -> None:
    found = numpy_columns(of_genuine(TauElectrons, LeptonCuts(), shared, release))
    prompt = {name: values[found["origin"] == PROMPT] for name, values in found.items()}
    assert 0.005 < np.median(prompt["absD0"]) < 0.03
    assert 0.02 < np.median(prompt["relativePtError"]) < 0.15
    assert abs(np.median(prompt["isolation"])) < 0.03
    assert -0.15 < np.median(prompt["rhoPrime"]) < 0.02, "bremsstrahlung takes momentum from the track"
