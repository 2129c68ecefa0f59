"""Lists of tracks and clusters against the file, and the taus against the main study's."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.processor import Selected
from lineshape.jobs.simulate.families.gamma_tautau import GammaTauTau
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.tau_energy_scale import TauCuts, TauEnergyScale
from lineshape.processors.tau_energy_scale_constituents import TauEnergyScaleConstituents
from tests.conftest import TREE, select

CUTS = TauCuts(maximum_tracks=3)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("constituents") / "taus.root"
    write_file(FileOrder(GammaTauTau(constituents=True), 3000, 11, 0, TREE, found))
    return found


@pytest.fixture(scope="module")
def selected(path: Path) -> Selected:
    return select(TauEnergyScaleConstituents(CUTS), path)


def test_taus_are_those_of_the_main_study(path: Path, selected: Selected) -> None:
    study = select(TauEnergyScale(CUTS), path)
    assert study.cut_flow == selected.cut_flow
    for name, values in study.columns.items():
        assert ak.to_numpy(values).tobytes() == ak.to_numpy(selected.columns[name]).tobytes(), name
    assert set(selected.columns) == {"event", *TauEnergyScaleConstituents.outputs}


def test_lists_against_the_file(path: Path, selected: Selected) -> None:
    with uproot.open(path) as file:
        raw = file[TREE].arrays(how=dict)
    taus = {
        name: ak.to_numpy(ak.flatten(raw[f"TauJetsAuxDyn.{name}"])).astype(float)
        for name in ("nTracks", "nClusters", "etaPanTauCellBased", "phi", "ptCombined")
    }
    passed = taus["nTracks"] <= CUTS.maximum_tracks
    assert 0 < passed.sum() < len(passed)
    of_taus = {
        count: ak.unflatten(ak.flatten(raw[branch]), taus[count].astype(int))[passed]
        for count, branch in (("nTracks", "TauTracksAuxDyn.pt"), ("nClusters", "TauClustersAuxDyn.phi"))
    }
    columns = selected.columns
    assert ak.all(ak.num(columns["trackPt"]) == ak.num(of_taus["nTracks"]))
    flat = ak.to_numpy(ak.flatten(columns["trackPt"]))
    assert flat == pytest.approx(ak.to_numpy(ak.flatten(of_taus["nTracks"])) / 1000, rel=1e-6)
    over = ak.flatten(of_taus["nTracks"] / taus["ptCombined"][passed])
    assert ak.to_numpy(ak.flatten(columns["trackPt_over_ptCombined"])) == pytest.approx(ak.to_numpy(over), rel=1e-5)
    away = ak.to_numpy(ak.flatten(of_taus["nClusters"] - taus["phi"][passed]))
    expected = np.arctan2(np.sin(away), np.cos(away))
    assert ak.to_numpy(ak.flatten(columns["clusterPhi"])) == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected).max() < 1


def test_control_histograms_count_objects(selected: Selected) -> None:
    tracks = ak.sum(ak.num(selected.columns["trackPt"]))
    assert selected.histograms["trackPt"].sum(flow=True) == tracks > len(selected.columns["event"])


def test_a_file_whose_counts_are_of_something_else(path: Path) -> None:
    class Swapped(TauEnergyScaleConstituents):
        inputs = TauEnergyScaleConstituents.inputs | {"nClusters": "TauJetsAuxDyn.nTracks"}

    with pytest.raises(DataError, match="clusterPt has not as many values an event as column nClusters adds up to"):
        select(Swapped(CUTS), path)
