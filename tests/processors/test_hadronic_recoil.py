"""The recoil's inputs against sums by hand on three events, and on a simulated file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.processor import Selected
from lineshape.jobs.simulate.families.w_mu_nu import WMuNu
from lineshape.jobs.simulate.families.z_mu_mu import ZMuMu
from lineshape.jobs.simulate.writing import FileOrder, write_file
from lineshape.processors.hadronic_recoil import INPUTS, HadronicRecoil, RecoilCuts
from tests.conftest import TREE, select

CHARGED, NEUTRAL = "JetETMissChargedParticleFlowObjectsAuxDyn", "JetETMissNeutralParticleFlowObjectsAuxDyn"
#: Three events: of one muon, of two, of none above 25 GeV. MeV.
EVENTS: Mapping[str, Any] = {
    "PrimaryVerticesAuxDyn": {"z": [[1.0, 9.0, 7.0], [1.0], [1.0]], "vertexType": [[1, 3, 0], [1], [1]]},
    "MuonsAuxDyn": {
        "pt": [[40e3, 5e3], [30e3, 30e3], [20e3]],
        "eta": [[1.0, 0.0], [0.0, 2.0], [0.0]],
        "phi": [[3.1, 0.0], [0.0, 2.0], [0.0]],
    },
    CHARGED: {
        "pt": [[40e3, 1e3, 3e3, 2e3], [30e3, 30e3, 4e3], []],
        "eta": [[1.0, 0.0, -1.0, 2.0], [0.0, 2.0, 1.0], []],
        "phi": [[3.1, 0.0, np.pi / 2, np.pi], [0.0, 2.0, 0.0], []],
        "charge": [[1.0, 1.0, -1.0, 1.0], [1.0, -1.0, 1.0], []],
    },
    NEUTRAL: {
        "pt": [[2e3, 5e3], [1e3], [7e3]],
        "eta": [[1.1, 4.0], [0.0], [0.0]],
        "phi": [[-3.1, -np.pi / 2], [1.0], [0.0]],
        "ptEM": [[1e3, 4e3], [1e3], [7e3]],
    },
    "AntiKt4EMPFlowJetsAuxDyn": {
        "pt": [[45e3, 19.9e3, 30e3, 25e3], [], []],
        "eta": [[1.1, 0.0, 0.0, 0.0], [], []],
        "phi": [[3.0, 0.0, np.pi / 2, np.pi], [], []],
    },
    "TruthBosonAuxDyn": {
        "px": [[9e3, 3e3], [1e3], [1e3]],
        "py": [[9e3, 4e3], [0.0], [0.0]],
        "pdgId": [[6, 24], [23], [-24]],
    },
}


def write(path: Path, events: Mapping[str, Any] = EVENTS) -> Path:
    branches = {name: ak.zip({key: ak.Array(each) for key, each in of.items()}) for name, of in events.items()}
    branches["EventInfoAuxDyn.eventNumber"] = ak.Array(np.array([11, 12, 13], dtype=np.uint64))
    branches["EventInfoAuxDyn.averageInteractionsPerCrossing"] = ak.Array(np.array([30.0, 31.0, 32.0]))
    with uproot.recreate(path) as file:
        types = {name: values.type.content for name, values in branches.items()}
        tree = file.mktree(TREE, types, field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner)
        tree.extend(branches)
    return path


def numbers(found: Selected) -> dict[str, Any]:
    return {name: values.to_list() for name, values in found.columns.items()}


def test_by_hand(tmp_path: Path) -> None:
    """Left are three tracks and one cluster: the other one is 0.13 from the muon, across φ = π."""
    found = select(HadronicRecoil(RecoilCuts()), write(tmp_path / "w.root"))
    assert found.cut_flow == {"read": 3, "1 muon": 1, "primary vertex": 1}
    assert set(found.columns) == {"event", *HadronicRecoil.outputs}
    columns = numbers(found)
    expected = {
        **dict.fromkeys(INPUTS, 0.0),
        "event": 11,
        "mu": 30,
        "ux": 1 - 2,
        "uy": 3 - 5,
        "uxCharged": 1 - 2,
        "uyCharged": 3,
        "uyNeutral": -5,
        "sumET": 11,
        "sumETCharged": 6,
        "sumETNeutralEM": 4,
        "jet1Py": 30,
        "jet2Px": -25,
        "nPV": 2,
        "nCharged": 3,
        "nNeutral": 1,
        "charged1Py": 3,
        "charged2Px": -2,
        "charged3Px": 1,
        "neutral1Py": -5,
        "pxTrue": 3,
        "pyTrue": 4,
        "ptTrue": 5,
    }
    for name, value in expected.items():
        assert columns[name] == [pytest.approx(value, abs=1e-5)], name
    assert columns["objectPt"] == [pytest.approx([5, 3, 2, 1])]
    assert columns["objectCharge"] == [[0, -1, 1, 1]]
    assert columns["objectPx"] == [pytest.approx([0, 0, -2, 1], abs=1e-5)]
    assert columns["objectPy"] == [pytest.approx([-5, 3, 0, 0], abs=1e-5)]
    assert columns["objectEta"] == [pytest.approx([4, -1, 2, 0])]


def test_there_are_36_inputs() -> None:
    assert len(INPUTS) == 36


def test_two_muons_are_a_z(tmp_path: Path) -> None:
    found = select(HadronicRecoil(RecoilCuts(leptons=2)), write(tmp_path / "z.root"))
    assert found.cut_flow == {"read": 3, "2 muons": 1, "primary vertex": 1}
    columns = numbers(found)
    assert (columns["event"], columns["nCharged"], columns["nNeutral"]) == ([12], [1], [1])
    assert columns["ux"] == [pytest.approx(4 + np.cos(1))]
    assert columns["pxTrue"] == [pytest.approx(1)]


@pytest.mark.parametrize(("most", "lengths"), [(0, None), (2, [2])])
def test_number_of_objects(tmp_path: Path, most: int, lengths: list[int] | None) -> None:
    columns = select(HadronicRecoil(RecoilCuts(objects=most)), write(tmp_path / "w.root")).columns
    assert ("objectPt" in columns) == (lengths is not None)
    if lengths:
        assert ak.num(columns["objectPt"]).to_list() == lengths
        assert columns["objectPt"][0].to_list() == pytest.approx([5, 3])


def test_no_event_passes(tmp_path: Path) -> None:
    found = select(HadronicRecoil(RecoilCuts(minimum_pt=500)), write(tmp_path / "w.root"))
    assert all(len(values) == 0 for values in found.columns.values())
    assert list(found.cut_flow.values()) == [3, 0, 0]


def test_no_primary_vertex(tmp_path: Path) -> None:
    vertices = {"z": [[1.0], [1.0], [1.0]], "vertexType": [[3], [1], [1]]}
    found = select(
        HadronicRecoil(RecoilCuts()), write(tmp_path / "w.root", {**EVENTS, "PrimaryVerticesAuxDyn": vertices})
    )
    assert list(found.cut_flow.values()) == [3, 1, 0]


def test_data_have_no_truth(tmp_path: Path) -> None:
    data = {name: of for name, of in EVENTS.items() if name != "TruthBosonAuxDyn"}
    found = numbers(select(HadronicRecoil(RecoilCuts()), write(tmp_path / "data.root", data)))
    assert np.isnan([found[name] for name in ("pxTrue", "pyTrue", "ptTrue")]).all()
    assert found["uy"] == [pytest.approx(-2)]


def test_columns_of_different_collections(tmp_path: Path) -> None:
    class Mixed(HadronicRecoil):
        inputs = HadronicRecoil.inputs | {"chargedEta": "MuonsAuxDyn.eta"}

    with pytest.raises(DataError, match="chargedEta has not as many values an event as column chargedPt"):
        select(Mixed(RecoilCuts()), write(tmp_path / "w.root"))


@pytest.mark.parametrize(("family", "leptons"), [(WMuNu, 1), (ZMuMu, 2)])
def test_simulated_file(tmp_path: Path, family: type[WMuNu | ZMuMu], leptons: int) -> None:
    """Sums over the jagged columns are u; u points away from the boson; no muon of 25 GeV is left among the objects."""
    path = tmp_path / "events.root"
    write_file(FileOrder(family(mu_high=20), 2000, 3, 0, TREE, path))
    found = select(HadronicRecoil(RecoilCuts(leptons=leptons, objects=10_000)), path)
    columns = found.columns
    assert found.cut_flow["primary vertex"] > 1000
    for axis in "xy":
        total = ak.to_numpy(ak.sum(ak.values_astype(columns[f"objectP{axis}"], np.float64), axis=1))
        assert ak.to_numpy(columns[f"u{axis}"]) == pytest.approx(total, abs=1e-3)
    assert ak.all(columns["objectPt"][:, :-1] >= columns["objectPt"][:, 1:])
    assert ak.all(ak.num(columns["objectPt"]) == columns["nCharged"] + columns["nNeutral"])
    along = -(columns["ux"] * columns["pxTrue"] + columns["uy"] * columns["pyTrue"]) / columns["ptTrue"]
    assert 0.7 < ak.sum(along) / ak.sum(columns["ptTrue"]) < 0.95
    assert ak.mean(columns["charged1Px"] ** 2 + columns["charged1Py"] ** 2) < 20**2
    leading = np.hypot(columns["charged1Px"], columns["charged1Py"])
    assert ak.all(leading >= np.hypot(columns["charged2Px"], columns["charged2Py"]))
    jet = np.hypot(columns["jet1Px"], columns["jet1Py"])
    assert ak.all((jet == 0) | (jet > 20))
    assert found.histograms["objectPt"].sum(flow=True) == ak.sum(ak.num(columns["objectPt"]))
