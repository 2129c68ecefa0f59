"""The tau energy scale's processor against values computed by hand from the file."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.events import EventReader
from lineshape.engine.input.processor import Selected
from lineshape.engine.input.root_files import open_file
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale, cluster_energy, tracking
from tests.conftest import TREE, select


def selected(path: Path, cuts: TauCuts | None = None) -> Selected:
    return select(TauEnergyScale(cuts or TauCuts()), path)


@pytest.fixture(scope="module")
def raw(ntuples: list[Path]) -> dict[str, np.ndarray]:
    with uproot.open(ntuples[0]) as file:
        arrays = file[TREE].arrays(how=dict)
    taus = arrays["TauJetsAuxDyn.eta"]
    flat = {}
    for name, values in arrays.items():
        jagged = values if values.ndim == 2 else ak.broadcast_arrays(values, taus)[0]
        flat[name.rsplit(".", 1)[-1]] = ak.to_numpy(ak.flatten(jagged)).astype(np.float64)
    return flat


def test_cuts_and_features(ntuples: list[Path], raw: dict[str, np.ndarray]) -> None:
    found = selected(ntuples[0])
    em, lc, combined = (raw[name] for name in ("ptIntermediateAxisEM", "ptIntermediateAxis", "ptCombined"))
    passed = (raw["nTracks"] >= 1) & (raw["nTracks"] <= 5) & (em / lc < 25) & (raw["ptPanTauCellBased"] / combined < 25)
    passed &= lc / combined < 25
    assert next(iter(found.cut_flow.values())) == len(passed)
    assert list(found.cut_flow.values())[-1] == passed.sum() == len(found.columns["event"])
    assert ak.to_numpy(found.columns["ptCombined"]) == pytest.approx(combined[passed] / 1000, rel=1e-6)
    assert ak.to_numpy(found.columns["ptIntermediateAxisEM_over_LC"]) == pytest.approx((em / lc)[passed], rel=1e-5)
    assert ak.to_numpy(found.columns["truthPtVis"]) == pytest.approx(raw["truthPtVis"][passed] / 1000, rel=1e-6)
    assert ak.to_numpy(found.columns["mu"]) == pytest.approx(raw["averageInteractionsPerCrossing"][passed], rel=1e-6)


def test_tighter_ratio_cuts_keep_fewer(ntuples: list[Path], raw: dict[str, np.ndarray]) -> None:
    found = selected(ntuples[0], TauCuts(maximum_ratio=1.5))
    ratios = [
        raw["ptIntermediateAxisEM"] / raw["ptIntermediateAxis"],
        raw["ptPanTauCellBased"] / raw["ptCombined"],
        raw["ptIntermediateAxis"] / raw["ptCombined"],
    ]
    assert len(found.columns["event"]) == np.all([ratio < 1.5 for ratio in ratios], axis=0).sum()


def test_a_true_tau_counts_from_a_visible_pt(ntuples: list[Path], raw: dict[str, np.ndarray]) -> None:
    found = selected(ntuples[0], TauCuts(minimum_true_pt=30))
    assert 0 < len(found.columns["event"]) <= (raw["truthPtVis"] >= 30_000).sum()
    assert ak.min(found.columns["truthPtVis"]) >= 30


def test_control_histograms_hold_what_was_selected(ntuples: list[Path]) -> None:
    found = selected(ntuples[0])
    assert set(found.histograms) == set(TauEnergyScale.outputs)
    for name in ("eta", "ClustersMeanEMProbability", "nTracks"):
        assert found.histograms[name].sum(flow=True) == len(found.columns["event"])
    assert "GeV" in found.histograms["ptCombined"].axes[0].label


def test_reads_no_branch_that_is_not_declared(ntuples: list[Path]) -> None:
    record = FileRecord("s", str(ntuples[0]), TREE, "uuid", 10, 0, {"eta": "TauJetsAuxDyn.eta"})
    with open_file(str(ntuples[0])) as file:
        events = EventReader(file, record).events(Chunk(record, 0, 10))
        assert events.fields == ["eta"]


def test_variations_move_their_part_of_the_combined_estimate(raw: dict[str, np.ndarray]) -> None:
    """By its weight in the combination, which follows from the three estimates; nothing where nothing changes."""
    names = ("ptIntermediateAxis", "ptIntermediateAxisEM", "ptTauEnergyScale", "ptPanTauCellBased", "ptCombined")
    taus = ak.Array({name: raw[name] for name in (*names, "PFOEngRelDiff")})
    for vary in (cluster_energy, tracking):
        up, down, same = (vary(taus, *given) for given in (("up", None, 0.02), ("down", None, 0.02), ("up", None, 0.0)))
        for name, values in same.items():
            assert np.allclose(values, taus[name], rtol=1e-6, atol=1e-6), name
        moved = ak.to_numpy((up["ptCombined"] - taus.ptCombined) / taus.ptCombined)
        assert np.abs(moved).max() < 0.03
        assert np.median(np.abs(moved)) > 0.002
        assert np.allclose(up["ptCombined"] + down["ptCombined"], 2 * taus.ptCombined, rtol=1e-5)
    moved = cluster_energy(taus, "up", None, 0.02)["ptCombined"] / taus.ptCombined - 1
    share = np.median(ak.to_numpy(moved)) / 0.02
    assert 0 < share < 1
    whole = tracking(taus, "up", None, 0.02)
    charged = (1 + taus.PFOEngRelDiff) / 2
    assert np.allclose(whole["ptPanTauCellBased"] / taus.ptPanTauCellBased, 1 + 0.02 * charged, rtol=1e-5)
