"""Genuine ATLAS files: the hadronic taus in them, and what nobody may take for one."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from lineshape.engine.input.processor import Selected
from lineshape.processors.physlite import matched, missing
from lineshape.processors.tau_energy_scale_physlite import Matching, TauEnergyScalePhyslite
from tests.conftest import select

TREE = "CollectionTree"


def selected(path: Path, settings: Matching | None = None) -> Selected:
    return select(TauEnergyScalePhyslite(settings or Matching()), path)


@pytest.mark.parametrize(
    ("name", "reconstructed", "hadronic"),
    [("physlite_r21_ttbar", 12, 9), ("physlite_r23_ttbar", 67, 5), ("physlite_r22_zee", 143, 0)],
)
def test_matched_hadronic_taus(shared: Path, name: str, reconstructed: int, hadronic: int) -> None:
    found = selected(shared / "real" / f"{name}.root")
    assert list(found.cut_flow.values()) == [reconstructed, hadronic]
    if hadronic:
        response = ak.to_numpy(found.columns["ptFinalCalib"] / found.columns["truthPtVis"])
        assert 0.9 < np.median(response) < 1.1


def events_with(true_pt: list[float], true_eta: list[float]) -> ak.Array:
    """An event with a reconstructed tau of 40 GeV at (0, 0) and hadronic true taus, MeV."""
    truth = {"truthPt": true_pt, "truthEta": true_eta, "truthPhi": [0.0] * len(true_pt)}
    reconstructed = {"eta": [0.0], "phi": [0.0], "ptTauEnergyScale": [40e3]}
    return ak.Array([{"event": 1, **reconstructed, **truth, "truthHadronic": [1] * len(true_pt)}])


@pytest.mark.parametrize(
    ("true_pt", "minimum", "found"),
    [
        ([9.9e3], 10.0, None),
        ([10e3], 10.0, 10.0),
        ([9.9e3, 38e3], 10.0, 38.0),  # the softer one is nearer
        ([9.9e3, 38e3], 0.0, 9.9),
        ([9.9e3], 5.0, 9.9),
    ],
)
def test_a_true_tau_counts_from_a_visible_pt(true_pt: list[float], minimum: float, found: float | None) -> None:
    """Softer ones would be matched by chance: the response would have a tail that no calibration makes."""
    events = events_with(true_pt, [0.0, 0.1][: len(true_pt)])
    matched_to = TauEnergyScalePhyslite(Matching(minimum_true_pt=minimum)).process(events).columns["truthPtVis"]
    assert ak.to_list(matched_to) == ([] if found is None else [pytest.approx(found)])


def test_the_neutrino_is_not_in_the_truth(shared: Path) -> None:
    """pt_vis_dressed would make the response of a good calibration about 0.8."""
    found = selected(shared / "real" / "physlite_r21_ttbar.root")
    assert ak.min(found.columns["ptFinalCalib"] / found.columns["truthPtVis"]) > 0.8


def test_cluster_moments_of_an_aod(shared: Path) -> None:
    found = selected(shared / "real" / "aod_r21_three_events.root")
    assert len(found.columns["event"]) == 9
    centre = ak.to_numpy(found.columns["ClustersMeanCenterLambda"])
    assert centre[:2] == pytest.approx([652.66, 691.87], abs=0.01)
    assert (ak.to_numpy(found.columns["ClustersMeanFirstEngDens"]) < -5).all()
    assert np.isnan(ak.to_numpy(found.columns["truthPtVis"])).all()
    assert np.isnan(ak.to_numpy(found.columns["ptTauEnergyScale"])).all()


def test_unmatched_taus_are_kept_on_request(shared: Path) -> None:
    found = selected(shared / "real" / "physlite_r23_ttbar.root", Matching(matched_only=False))
    assert len(found.columns["event"]) == 67
    assert np.isfinite(ak.to_numpy(found.columns["truthPtVis"])).sum() == 5


def test_nearest_within_the_cone() -> None:
    eta, phi = ak.Array([[0.0, 1.0], [0.5], []]), ak.Array([[3.1, 0.0], [0.0], []])
    true_eta, true_phi = ak.Array([[0.05, 0.1, 2.0], [], [0.0]]), ak.Array([[-3.1, 3.1, 0.0], [], [0.0]])
    assert matched(eta, phi, true_eta, true_phi, 0.2).to_list() == [[0, None], [None], []]


def test_sentinels_are_missing_values() -> None:
    assert np.isnan(missing(np.array([-1111.0, -1110.999755859375], dtype=np.float32))).all()
    assert missing(np.array([-1.0, 5.0])).tolist() == [-1.0, 5.0]
