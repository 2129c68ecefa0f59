"""W and Z events of particle-flow objects: momentum balance, response and resolution, pile-up, towers and jets."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import uproot
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.jobs.simulate.detector import (
    calorimeter_towers,
    pile_up,
)
from lineshape.jobs.simulate.detector import (
    particle_flow_jets as recoil_jets,
)
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters, Deposits
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.families.w_mu_nu import WMuNu
from lineshape.jobs.simulate.families.z_mu_mu import ZMuMu
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.orders import read_order
from lineshape.jobs.simulate.physics import soft_hadrons
from lineshape.jobs.simulate.physics.hard_processes import boson_pt
from lineshape.jobs.simulate.recoil import recoil_event
from lineshape.jobs.simulate.recoil.recoil_sample import BOSON, CHARGED, JETS, MUONS, NEUTRAL, VERTICES
from lineshape.jobs.simulate.writing import FileOrder, write_file
from tests.conftest import TREE

Floats = NDArray[np.float64]
EVENTS = 3000


@cache
def w(mu: float) -> Sample:
    return WMuNu(mu_low=mu, mu_high=mu, flat_share=1).generate(EVENTS, np.random.default_rng(5))


def sums(sample: Sample, collection: str) -> Floats:
    """Sum of (px, py) of an event's objects in GeV, those of the muon's cone left out; (2, events)."""
    objects = sample.objects[collection]
    event = np.repeat(np.arange(sample.length), sample.counts[collection])
    muon = sample.objects[MUONS]
    turn = (objects["phi"] - muon["phi"][event] + np.pi) % (2 * np.pi) - np.pi
    pt = np.where(np.hypot(objects["eta"] - muon["eta"][event], turn) > 0.2, objects["pt"], 0) / 1000
    return np.stack([np.bincount(event, pt * f(objects["phi"]), sample.length) for f in (np.cos, np.sin)])


def recoil(sample: Sample) -> tuple[Floats, Floats, Floats]:
    """True pT, u along the direction opposite to it, and u across, GeV."""
    u = sums(sample, CHARGED) + sums(sample, NEUTRAL)
    px, py = (sample.objects[BOSON][name].astype(float) / 1000 for name in ("px", "py"))
    pt = np.hypot(px, py)
    return pt, -(u[0] * px + u[1] * py) / pt, (u[0] * py - u[1] * px) / pt


def width(values: Floats) -> float:
    """Half of the central 68 %."""
    low, high = np.percentile(values, [16, 84])
    return float(high - low) / 2


def test_hadrons_balance_the_boson(rng: np.random.Generator) -> None:
    px, py = rng.normal(0, 20, (2, 500))
    found = recoil_event.hadrons(px, py, rng.normal(0, 2, 500), rng)
    assert np.bincount(found.event, found.px) == pytest.approx(-px, abs=1e-9)
    assert np.bincount(found.event, found.py) == pytest.approx(-py, abs=1e-9)
    partons = recoil_event.recoil_partons(px, py, np.zeros(500), rng)
    assert np.bincount(partons.event, partons.px) == pytest.approx(-px, abs=1e-9)
    number = np.bincount(partons.event)
    assert number.min() == 1
    assert number.max() == recoil_event.SLOTS


def test_visible_hadrons_miss_what_is_beyond_the_calorimeter(rng: np.random.Generator) -> None:
    """u⊥ of particles that the detector could see is off by 4.2 to 4.5 GeV in Pythia 8: much is beyond |η| 4.9."""
    pt, phi = boson_pt(EVENTS, rng), rng.uniform(-np.pi, np.pi, EVENTS)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    found = recoil_event.hadrons(px, py, rng.normal(0, 1.2, EVENTS), rng)
    visible = (np.abs(found.eta) < 4.9) & ((found.kind != soft_hadrons.CHARGED) | (found.pt > 0.5))
    u = [np.bincount(found.event[visible], own[visible], EVENTS) for own in (found.px, found.py)]
    assert width((u[0] * py - u[1] * px) / pt) == pytest.approx(4.35, abs=0.3)
    assert np.bincount(found.event, found.pt * (np.abs(found.eta) > 4.9), EVENTS).mean() == pytest.approx(29, abs=3)


def test_pions_share_their_momentum(rng: np.random.Generator) -> None:
    n = 1000
    kind = np.full(n, soft_hadrons.PHOTON, dtype=np.int8)
    pions = soft_hadrons.Particles(np.arange(n), *rng.normal(0, 3, (3, n)), kind, np.ones(n, dtype=bool))
    photons = soft_hadrons.split_pions(pions, rng)
    assert len(photons.px) == 2 * n
    assert np.bincount(photons.event, photons.px) == pytest.approx(pions.px)
    assert np.bincount(photons.event, photons.py) == pytest.approx(pions.py)


def test_resolution_without_pile_up() -> None:
    """Pythia 8 has 5.8 GeV in the same detector, in the spectrum of 13 TeV: within a tenth of it."""
    sample = WMuNu(mu_low=0, mu_high=0, flat_share=0).generate(EVENTS, np.random.default_rng(6))
    assert width(recoil(sample)[2]) == pytest.approx(5.8, rel=0.1)
    assert set(sample.counts[VERTICES]) == {1}


def test_resolution_grows_with_pile_up() -> None:
    """As the root of the number of collisions, on top of what there is without them."""
    none, some, many = (width(recoil(w(mu))[2]) for mu in (0, 30, 60))
    assert 10 < some < 15
    assert (many**2 - none**2) / (some**2 - none**2) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("mu", [0.0, 30.0])
def test_response_rises_with_pt(mu: float) -> None:
    """Pythia 8 has 0.59, 0.79 and 0.91 without pile-up."""
    pt, along, _ = recoil(w(mu))
    edges = [(5, 15), (20, 40), (60, 100)]
    response = [along[(pt > low) & (pt < high)].sum() / pt[(pt > low) & (pt < high)].sum() for low, high in edges]
    assert response == pytest.approx([0.59, 0.79, 0.91], abs=0.12 if mu else 0.05)
    assert response[0] < response[2] < 1


def test_most_of_charged_pile_up_is_gone() -> None:
    """At mu 30 one collision in a hundred is taken for the primary one, with 15 tracks; the neutral ones stay."""
    charged = [w(mu).counts[CHARGED].mean() for mu in (0, 30)]
    neutral = [w(mu).counts[NEUTRAL].mean() for mu in (0, 30)]
    assert 1 < charged[1] - charged[0] < 8
    assert neutral[1] - neutral[0] > 40
    assert charged[1] + neutral[1] < 130


def test_vertices(rng: np.random.Generator) -> None:
    """Two thirds of them are found, fewer where there are more, as they merge; the primary one is always the first."""
    counts = {mu: w(mu).counts[VERTICES].mean() - 1 for mu in (30.0, 60.0)}
    assert 0.5 < counts[60.0] / 60 < counts[30.0] / 30 < 0.7
    columns, number = w(30.0).objects[VERTICES], w(30.0).counts[VERTICES]
    first = np.cumsum(number) - number
    assert set(columns["vertexType"][first]) == {1}
    assert (columns["vertexType"] == 1).sum() == EVENTS
    found = pile_up.collisions(np.full(3000, 30.0), rng)
    assert found.near.mean() == pytest.approx(2 * pile_up.NEAR / (np.sqrt(4 * np.pi) * pile_up.LENGTH), rel=0.1)


def test_towers_without_pile_up_keep_momentum(rng: np.random.Generator) -> None:
    """Above threshold nothing is lost, and two deposits in a tower are one cluster."""
    px, py, eta = np.array([5.0, 2.0, 0.3]), np.array([0.1, 0.05, 4.0]), np.array([0.01, 0.02, 4.0])
    none = np.zeros(2)
    deposits = Deposits(np.array([1, 1, 0]), px, py, eta, np.array([3.0, 2.0, 4.0]))
    found = calorimeter_towers.clusters(deposits, none, none, rng)
    assert found.event.tolist() == [0, 1]
    assert found.pt == pytest.approx([np.hypot(0.3, 4.0), np.hypot(7, 0.15)])
    assert found.phi == pytest.approx([np.arctan2(4, 0.3), np.arctan2(0.15, 7)])
    assert found.eta[1] == pytest.approx(0.013, abs=0.001)
    assert found.em == pytest.approx([4.0, 5.0])


def test_soft_pile_up_is_zero_on_average(rng: np.random.Generator) -> None:
    mu = np.full(200, 40.0)
    energy = calorimeter_towers.overlaid(rng.normal(40, 6, 200), mu, rng)
    assert energy.shape == (200, calorimeter_towers.TOWERS)
    assert energy.mean() == pytest.approx(0, abs=0.02)
    assert energy.min() < 0 < energy.max()


def test_jets_are_cones_about_the_hardest() -> None:
    """Two objects near a hard one, one opposite to them; what has no tracks where there should be is of pile-up."""
    tracks = Tracks(*(np.array(values) for values in ([0, 0], [20.0, 15.0], [0.0, 3.5], [3.1, 1.0], [1.0, -1.0])))
    number = np.array([0, 0, 0, 1])
    pt, eta, phi = np.array([10.0, 30.0, 3.0, 50.0]), np.array([0.1, -1.0, -4.0, 2.9]), np.array([-3.1, 0.0, 2.0, 0.5])
    found = recoil_jets.jets(tracks, Clusters(number, pt, eta, phi, pt), np.zeros(2))
    assert found.event.tolist() == [0, 1]
    px, py = 20 * np.cos(3.1) + 10 * np.cos(-3.1), 20 * np.sin(3.1) + 10 * np.sin(-3.1)
    assert found.pt == pytest.approx(np.array([np.hypot(px, py), 50.0]) / recoil_jets.RESPONSE)
    assert found.eta[0] == pytest.approx(0.033, abs=0.002)
    assert abs(found.phi[0]) == pytest.approx(abs(np.arctan2(py, px)))
    assert found.mass[1] == pytest.approx(0, abs=1e-3)


def test_jets_have_the_recoils_momentum() -> None:
    """Calibrated: in events with one jet and a boson of 60 to 100 GeV it has 0.95 of that, as in Pythia 8."""
    sample = w(0.0)
    jets = sample.objects[JETS]
    assert jets["pt"].min() > 20e3
    pt = np.hypot(sample.objects[BOSON]["px"], sample.objects[BOSON]["py"])
    one = (sample.counts[JETS] == 1) & (pt > 60e3) & (pt < 100e3)
    lone = np.repeat(one, sample.counts[JETS])
    assert np.median(jets["pt"][lone] / pt[one]) == pytest.approx(0.95, abs=0.05)


def test_muons_and_bosons_of_w_and_z() -> None:
    z = ZMuMu().generate(3000, np.random.default_rng(8))
    assert set(z.counts[MUONS]) == {2}
    assert set(w(0.0).counts[MUONS]) == {1}
    assert set(np.abs(w(0.0).objects[BOSON]["pdgId"])) == {24}
    muons = {name: values.astype(float).reshape(-1, 2) for name, values in z.objects[MUONS].items()}
    assert (muons["charge"].sum(axis=1) == 0).all()
    across = np.cosh(muons["eta"][:, 0] - muons["eta"][:, 1]) - np.cos(muons["phi"][:, 0] - muons["phi"][:, 1])
    mass = np.sqrt(2 * muons["pt"].prod(axis=1) * across)
    assert np.median(mass / z.objects[BOSON]["m"]) == pytest.approx(1, abs=0.003)
    seen = (muons["pt"] * np.cos(muons["phi"])).sum(axis=1)
    assert np.median(np.abs(seen - z.objects[BOSON]["px"])) < 2000
    # The decay muons are among the charged objects, as they are in files of ATLAS.
    charged, owner = z.objects[CHARGED], np.repeat(np.arange(3000), z.counts[CHARGED])
    assert np.isin(muons["pt"].astype(np.float32).ravel(), charged["pt"]).all()
    assert (np.diff(owner) >= 0).all()


def test_true_pt_covers_what_the_study_averages() -> None:
    pt = np.hypot(
        *(WMuNu().generate(2 * EVENTS, np.random.default_rng(9)).objects[BOSON][name] for name in ("px", "py"))
    )
    counts = np.histogram(pt / 1000, bins=10, range=(0, 100))[0]
    assert counts.min() > 0.02 * 2 * EVENTS
    assert counts.argmax() <= 1


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "w.root"
    write_file(FileOrder(WMuNu(mu_high=10), 300, 4, 0, TREE, path))
    with uproot.open(path) as file:
        found = file[TREE].arrays([f"{NEUTRAL}.ptEM", f"{CHARGED}.charge", f"{VERTICES}.z", f"{BOSON}.px"])
        assert file[TREE].num_entries == 300
    again = WMuNu(mu_high=10).generate(300, np.random.default_rng(np.random.SeedSequence(4, spawn_key=(0,))))
    for collection, name in ((NEUTRAL, "ptEM"), (CHARGED, "charge"), (VERTICES, "z"), (BOSON, "px")):
        branch = found[f"{collection}.{name}"]
        assert [len(values) for values in branch] == again.counts[collection].tolist()
        assert np.concatenate(branch.to_list()) == pytest.approx(again.objects[collection][name], rel=1e-6)


def test_settings_in_the_wrong_order() -> None:
    with pytest.raises(RequestError, match="mu_high is 5"):
        read_order("w", KindSpec(kind="w_mu_nu", events=10, mu_low=10, mu_high=5))
