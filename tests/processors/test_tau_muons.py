"""Muons of genuine files against plain Python, and of a file in the simulation's layout against values by hand."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError
from lineshape.processors.leptons import FAKE, PROMPT, TAU, origin_of
from lineshape.processors.physlite import COMBINED_MUON_TRACKS, linked
from lineshape.processors.tau_muons import MuonCuts, TauMuons
from tests.conftest import TREE, select
from tests.processors.leptons import by_hand, genuine, numpy_columns, of_genuine

RELEASES = ("r21", "r22", "r23")
MUONS, TRACKS = "AnalysisMuonsAuxDyn", "CombinedMuonTrackParticlesAuxDyn"
ALL = MuonCuts(maximum_quality=3, minimum_pt=0, maximum_eta=9)


def columns(path: Path, cuts: MuonCuts | None = None) -> dict[str, NDArray[Any]]:
    return numpy_columns(select(TauMuons(cuts or MuonCuts()), path))


@pytest.mark.parametrize(
    ("release", "reconstructed", "with_track", "origins"),
    [("r21", 51, 50, [36, 1, 4]), ("r22", 5, 5, [0, 0, 0]), ("r23", 19, 19, [11, 1, 4])],
)
def test_origins_in_genuine_files(
    shared: Path, release: str, reconstructed: int, with_track: int, origins: list[int]
) -> None:
    """Of the fakes of release 21 two are of taus, which are of B hadrons: their type is not isolated.

    The two muons of taus from W bosons have the origin of the W, and lie within 0.002 of a leptonic true tau.
    """
    found = of_genuine(TauMuons, MuonCuts(), shared, release)
    assert list(found.cut_flow.values())[:3] == [reconstructed, reconstructed, with_track]
    origin = ak.to_numpy(found.columns["origin"])
    assert [(origin == each).sum() for each in (PROMPT, TAU, FAKE)] == origins
    assert (ak.to_numpy(found.columns["isTau"]) == (origin == TAU)).all()
    assert set(found.columns) == {"event", *TauMuons.outputs}


@pytest.mark.parametrize("release", RELEASES)
def test_features_are_those_of_the_linked_track(shared: Path, release: str) -> None:
    expected = by_hand(genuine(shared, release), MUONS + ".", TRACKS + ".", COMBINED_MUON_TRACKS)
    found = numpy_columns(of_genuine(TauMuons, ALL, shared, release))
    expected = [muon for muon in expected if np.isclose(found["pt"], muon["ownPt"], rtol=1e-6).any()]
    assert len(expected) == len(found["pt"])
    for name in ("absD0", "absZ0SinTheta", "absDeltaZ0", "relativePtError"):
        assert found[name] == pytest.approx([muon[name] for muon in expected], rel=1e-4, abs=1e-6), name
    for muon in expected:
        # The momenta of muons are calibrated and smeared, by some per cent, and those of tracks are not.
        assert muon["trackPt"] == pytest.approx(muon["ownPt"], rel=0.06)
        assert muon["trackEta"] == pytest.approx(muon["ownEta"], abs=0.01)


def test_tracks_are_not_in_the_order_of_muons(shared: Path) -> None:
    """Otherwise the test before this one would not notice that links are not followed."""
    muons = by_hand(genuine(shared, "r21"), MUONS + ".", TRACKS + ".", COMBINED_MUON_TRACKS)
    assert any(muon["number"] != muon["index"] for muon in muons)


@pytest.mark.parametrize(("release", "cuts"), [("r21", MuonCuts()), ("r22", ALL), ("r23", MuonCuts())])
def test_the_error_of_q_over_p_is_that_of_a_muon(shared: Path, release: str, cuts: MuonCuts) -> None:
    """Any other element of the covariance, in its triangle or in its diagonal, is orders of magnitude away."""
    error = numpy_columns(of_genuine(TauMuons, cuts, shared, release))["relativePtError"]
    assert 0.01 < np.median(error) < 0.03
    assert ((error > 0.005) & (error < 0.1)).all()


@pytest.mark.parametrize("release", ["r21", "r23"])
def test_prompt_muons_are_plausible(shared: Path, release: str) -> None:
    found = numpy_columns(of_genuine(TauMuons, MuonCuts(), shared, release))
    prompt = {name: values[found["origin"] == PROMPT] for name, values in found.items()}
    assert 0.005 < np.median(prompt["absD0"]) < 0.02
    assert 0.02 < np.median(prompt["absDeltaZ0"]) < 0.08
    assert np.median(prompt["absZ0SinTheta"]) > 5
    assert abs(np.median(prompt["rhoPrime"])) < 0.05
    assert (np.abs(prompt["rhoPrime"]) < 0.4).all()
    assert ((prompt["pt"] >= 10) & (prompt["absEta"] <= 2.5) & (prompt["mu"] > 10)).all()
    assert (np.abs(prompt["charge"]) == 1).all()
    assert np.isnan(prompt["stauMass"]).all()
    if release == "r21":  # Of muons release 23 has no sums over clusters.
        assert abs(np.median(prompt["isolation"])) < 0.02
        assert np.median(found["isolation"][found["origin"] == FAKE]) > 0.2
    else:
        assert np.isnan(found["isolation"]).all()


#: Events by events: vertices; muons with their tracks. MeV, mm.
VERTICES = {"z": [[5.0, 1.0], [2.0], [-3.0], []], "vertexType": [[3, 1], [3], [1], []]}
MUON = {
    "pt": [[50e3, 20e3], [30e3], [12e3, 40e3, 9e3, 30e3, 25e3], []],
    "eta": [[1.0, -2.0], [0.0], [-0.5, 0.1, 0.2, 2.6, 0.3], []],
    "phi": [[0.1, 0.2], [0.3], [0.4, 0.5, 0.6, 0.7, 0.8], []],
    "charge": [[1.0, -1.0], [1.0], [-1.0, 1.0, 1.0, 1.0, 1.0], []],
    "InnerDetectorPt": [[51e3, 20e3], [30e3], [11e3, 40e3, 9e3, 30e3, 25e3], []],
    "MuonSpectrometerPt": [[49e3, 20e3], [30e3], [12.2e3, 38e3, 9e3, 30e3, 0.0], []],
    "topoetcone20": [[500.0, 10e3], [0.0], [-600.0, 20e3, 0.0, 0.0, 0.0], []],
    "topoetcone30": [[1000.0, 15e3], [0.0], [-1200.0, 30e3, 0.0, 0.0, 0.0], []],
    "truthType": [[6, 7], [6], [6, 8, 6, 6, 6], []],
    "truthOrigin": [[12, 26], [12], [9, 34, 9, 9, 9], []],
    "quality": [[0, 2], [0], [9, 1, 0, 0, 0], []],
}
TRACK = {
    "d0": [[0.01, -0.1], [0.0], [-0.08, 0.2, 0.0, 0.0, 0.0], []],
    "z0": [[0.8, 1.0], [0.0], [-43.0, -3.0, 0.0, 0.0, 0.0], []],
    "vz": [[0.1, 0.0], [0.0], [40.5, 0.0, 0.0, 0.0, 0.0], []],
    "theta": [[0.5, 2.8], [1.0], [2.0, 1.5, 1.0, 1.0, 1.0], []],
    "phi": [[0.1, 0.2], [0.3], [0.4, 0.5, 0.6, 0.7, 0.8], []],
    "qOverP": [[1e-5, -1e-5], [1e-5], [-7e-5, 2e-5, 1e-5, 1e-5, 1e-5], []],
    "qOverPVariance": [[4e-14, 1e-14], [1e-14], [1.225e-12, 4e-12, 1e-14, 1e-14, 1e-14], []],
}
EVENTS = {"eventNumber": np.array([7, 8, 9, 10], dtype=np.uint64), "averageInteractionsPerCrossing": [30.0, 31, 32, 33]}


def write(
    path: Path, muon: Mapping[str, object] = MUON, track: Mapping[str, object] = TRACK, **masses: list[float]
) -> Path:
    """A file in the simulation's layout."""
    collections = {"PrimaryVerticesAuxDyn": VERTICES, MUONS: muon, TRACKS: track}
    branches = {f"EventInfoAuxDyn.{name}": ak.Array(values) for name, values in (EVENTS | masses).items()}
    branches |= {name: ak.zip({key: ak.Array(each) for key, each in of.items()}) for name, of in collections.items()}
    with uproot.recreate(path) as file:
        types = {name: values.type.content for name, values in branches.items()}
        tree = file.mktree(TREE, types, field_name=lambda outer, inner: f"{outer}.{inner}" if outer else inner)
        tree.extend(branches)
    return path


def test_simulated_layout_by_hand(tmp_path: Path) -> None:
    found = columns(write(tmp_path / "muons.root", stauMass=[200e3] * 4, neutralinoMass=[1e3] * 4))
    expected = {
        "event": [7, 9, 9],
        "absD0": [0.01, 0.08, 0.2],
        "absZ0SinTheta": [0.8 * np.sin(0.5), 43 * np.sin(2.0), 3 * np.sin(1.5)],
        "absDeltaZ0": [0.1, 0.5, 0.0],
        "pt": [50, 12, 40],
        "absEta": [1.0, 0.5, 0.1],
        "relativePtError": [0.02, 0.0158114, 0.1],
        "isolation": [0.01, -0.05, 0.5],
        "isolation30": [0.02, -0.1, 0.75],
        "rhoPrime": [0.04, -0.1, 0.05],
        "eta": [1.0, -0.5, 0.1],
        "phi": [0.1, 0.4, 0.5],
        "charge": [1, -1, 1],
        "mu": [30, 32, 32],
        "origin": [PROMPT, TAU, FAKE],
        "isTau": [0, 1, 0],
        "stauMass": [200, 200, 200],
        "neutralinoMass": [1, 1, 1],
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-4, abs=1e-5), name


def test_cut_flow(tmp_path: Path) -> None:
    """Event 8 has no primary vertex, and event 10 none, and no muon; then a Loose one, and one of each other cut."""
    found = select(TauMuons(MuonCuts()), write(tmp_path / "muons.root"))
    assert found.cut_flow == {
        "reconstructed": 8,
        "primary vertex": 7,
        "track": 7,
        "identified": 6,
        "both momenta": 5,
        "pT ≥ 10 GeV": 4,
        "|η| ≤ 2.5": 3,
    }


@pytest.mark.parametrize(("quality", "count"), [(0, 1), (1, 3), (2, 4)])
def test_quality_is_in_the_lowest_bits(tmp_path: Path, quality: int, count: int) -> None:
    found = columns(write(tmp_path / "muons.root"), MuonCuts(maximum_quality=quality))
    assert len(found["pt"]) == count


def test_data_have_no_origin(tmp_path: Path) -> None:
    muon = {name: values for name, values in MUON.items() if not name.startswith("truth")}
    found = columns(write(tmp_path / "data.root", muon))
    assert len(found["pt"]) == 3
    for name in ("origin", "isTau", "stauMass"):
        assert np.isnan(found[name]).all(), name


def test_tracks_without_links_must_be_as_many_as_muons(tmp_path: Path) -> None:
    fewer = {name: [of[:1] for of in values] for name, values in TRACK.items()}
    with pytest.raises(DataError, match="d0 has not as many values an event as column pt"):
        columns(write(tmp_path / "muons.root", track=fewer))


def test_links_that_lead_nowhere() -> None:
    tracks = ak.Array([[10, 11], [], [12]])
    key, index = ak.Array([[5, 5, 0, 5], [5], [6, None]]), ak.Array([[1, 0, 0, 2], [0], [0, None]])
    assert linked(tracks, key, index, 5).to_list() == [[11, 10, None, None], [None], [None, None]]


def test_origin_by_type_and_origin() -> None:
    kind = np.array([6.0, 6, 6, 7, 8, 0, -99999])
    source = np.array([12.0, 9, 22, 9, 34, 0, -99999])
    no_tau = np.zeros(7, dtype=bool)
    assert origin_of(kind, source, 6, no_tau).tolist() == [PROMPT, TAU, PROMPT, FAKE, FAKE, FAKE, FAKE]
    assert origin_of(kind, source, 6, ~no_tau).tolist() == [TAU, TAU, TAU, FAKE, FAKE, FAKE, FAKE]
