"""W and Z events of Pythia through the fast simulation's detector, and anti-kt jets beside its cones."""

import sys
from functools import cache
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.jobs.simulate.detector import (
    calorimeter_towers,
    clustered_jets,
    particle_flow,
)
from lineshape.jobs.simulate.detector import (
    particle_flow_jets as recoil_jets,
)
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.families.pythia_recoil import PythiaRecoil
from lineshape.jobs.simulate.families.w_mu_nu import WMuNu
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.orders import read_order
from lineshape.jobs.simulate.physics.soft_hadrons import CHARGED as TRACK
from lineshape.jobs.simulate.physics.soft_hadrons import NEUTRAL, PHOTON, Particles
from lineshape.jobs.simulate.recoil.boson_record import BosonEvents
from lineshape.jobs.simulate.recoil.particle_flow_family import MAXIMUM_ETA, Bosons
from lineshape.jobs.simulate.recoil.recoil_sample import BOSON, CHARGED, MUONS, VERTICES

EVENTS = 150
#: As many where each must be right, and no mean is asked for: Pythia makes 60 a second.
FEW = 60
WAY = "pip install 'lineshape"


def needed() -> None:
    """Skips where the extra is not installed."""
    for module in ("pythia8mc", "fastjet"):
        pytest.importorskip(module, reason=f"{module} is not installed: {WAY}[pythia]'")


@cache
def generated(process: str, events: int = EVENTS, **others: Any) -> tuple[Bosons, Particles]:
    """So many events before the detector."""
    needed()
    family = PythiaRecoil.model_validate({"process": process} | others)
    ((bosons, own),) = family.blocks(events, np.random.default_rng(3))
    return bosons, own(np.random.default_rng(4))


def seen(process: str, mu: float) -> Sample:
    """A few events as objects."""
    needed()
    family = PythiaRecoil.model_validate({"process": process, "mu_low": mu, "mu_high": mu})
    return family.generate(FEW, np.random.default_rng(3))


@pytest.mark.parametrize(("process", "number", "pdg"), [("w_mu_nu", 1, 24), ("z_mu_mu", 2, 23)])
def test_bosons_and_muons(process: str, number: int, pdg: int) -> None:
    bosons, _ = generated(process)
    assert bosons.momenta.shape == (EVENTS, 4)
    assert bosons.muons.shape == (EVENTS, number, 4)
    assert set(np.abs(bosons.pdg)) == {pdg}
    assert np.median(bosons.mass) == pytest.approx({24: 80.3, 23: 91.1}[pdg], abs=0.5)
    pt = np.hypot(bosons.muons[..., 0], bosons.muons[..., 1])
    assert pt.min() > 20
    assert np.abs(np.arcsinh(bosons.muons[..., 2] / pt)).max() < MAXIMUM_ETA
    if process == "z_mu_mu":
        assert (bosons.charge.sum(axis=1) == 0).all()
        # Muons have what the photons that they radiate leave of the boson.
        lost = (bosons.momenta - bosons.muons.sum(axis=1))[:, 3]
        assert np.median(lost) < 1
        assert lost.min() > -1e-3
    else:
        assert (np.sign(bosons.charge[:, 0]) == np.sign(bosons.pdg)).all()


@pytest.mark.parametrize("process", ["w_mu_nu", "z_mu_mu"])
def test_particles_balance_the_boson(process: str) -> None:
    """To rounding in events without neutrinos of hadrons, as most are, where muons don't radiate; roughly in all."""
    bosons, particles = generated(process, FEW, commands=("TimeShower:QEDshowerByL = off",))
    missing = [
        np.bincount(particles.event, own, FEW) + bosons.momenta[:, axis]
        for axis, own in enumerate((particles.px, particles.py))
    ]
    size = np.hypot(*missing)
    assert np.median(size) < 1e-5
    assert np.quantile(size, 0.9) < 5


def test_decay_muons_are_not_among_the_particles() -> None:
    """None of the tracks has one's momentum; and all kinds of particles are there, by their shares."""
    bosons, particles = generated("z_mu_mu")
    tracks = particles.take(particles.kind == TRACK)
    for number in range(2):
        own = bosons.muons[tracks.event, number]
        assert (np.hypot(tracks.px - own[:, 0], tracks.py - own[:, 1]) > 1e-3).all()
    inside = particles.take(np.abs(particles.eta) < 2.5)
    shares = [(inside.kind == kind).mean() for kind in (TRACK, PHOTON, NEUTRAL)]
    assert shares == pytest.approx([0.45, 0.47, 0.08], abs=0.04)
    assert particles.primary.all()


def test_high_pt_is_a_sample_of_its_own() -> None:
    bosons, _ = generated("w_mu_nu", minimum_pt_hat=60)
    pt = np.hypot(bosons.momenta[:, 0], bosons.momenta[:, 1])
    assert np.median(pt) > 60
    assert np.median(np.hypot(*generated("w_mu_nu")[0].momenta[:, :2].T)) < 20


def test_columns_are_those_of_the_fast_simulation() -> None:
    ours, theirs = seen("w_mu_nu", 20), WMuNu(mu_low=20, mu_high=20).generate(FEW, np.random.default_rng(3))
    assert {k: v.dtype for k, v in ours.events.items()} == {k: v.dtype for k, v in theirs.events.items()}
    assert list(ours.objects) == list(theirs.objects)
    for name, columns in theirs.objects.items():
        assert {k: v.dtype for k, v in ours.objects[name].items()} == {k: v.dtype for k, v in columns.items()}
        assert ours.counts[name].dtype == theirs.counts[name].dtype
        assert {len(values) for values in ours.objects[name].values()} == {ours.counts[name].sum()}


def test_the_detector_sees_them() -> None:
    """Two muons of a Z weigh what it weighs; they are among the charged objects; there is one vertex at mu 0."""
    sample = seen("z_mu_mu", 0)
    assert sample.length == FEW
    assert set(sample.counts[MUONS]) == {2}
    assert set(sample.counts[VERTICES]) == {1}
    muons = {name: values.astype(float).reshape(-1, 2) for name, values in sample.objects[MUONS].items()}
    across = np.cosh(muons["eta"][:, 0] - muons["eta"][:, 1]) - np.cos(muons["phi"][:, 0] - muons["phi"][:, 1])
    mass = np.sqrt(2 * muons["pt"].prod(axis=1) * across)
    assert np.median(mass / sample.objects[BOSON]["m"]) == pytest.approx(1, abs=0.01)
    assert np.isin(muons["pt"].astype(np.float32).ravel(), sample.objects[CHARGED]["pt"]).all()
    # Tracks of the fast simulation are 32 in such events.
    assert 20 < sample.counts[CHARGED].mean() < 45


def test_same_seed_same_bits() -> None:
    """Whatever ran in the process before: files are made in any order, on any worker."""
    needed()
    family = PythiaRecoil(process="w_mu_nu", mu_high=10)
    first, other = (family.generate(5, np.random.default_rng(seed)) for seed in (1, 2))
    again = family.generate(5, np.random.default_rng(1))
    for name, columns in first.objects.items():
        for key, values in columns.items():
            assert values.tobytes() == again.objects[name][key].tobytes()
    assert first.objects[BOSON]["px"].tolist() != other.objects[BOSON]["px"].tolist()


def test_events_are_taken_and_joined_with_their_particles() -> None:
    bosons, particles = generated("w_mu_nu")
    both = BosonEvents(bosons, particles)
    even = np.arange(EVENTS) % 2 == 0
    taken = both.take(even)
    px = np.bincount(particles.event, particles.px, EVENTS)
    assert np.bincount(taken.particles.event, taken.particles.px) == pytest.approx(px[even])
    assert taken.bosons.mass == pytest.approx(bosons.mass[even])


def test_jets_are_like_the_cones_of_the_fast_simulation() -> None:
    """Of the same objects: as many, and the hardest ones within 20 % of each other in nine of ten events."""
    bosons, particles = generated("w_mu_nu", minimum_pt_hat=60)
    rng, none = np.random.default_rng(8), np.zeros(len(bosons.mass))
    charged, deposits = particle_flow.tracks(particles, rng)
    neutral = calorimeter_towers.clusters(deposits, none, none, rng)
    cones, clustered = recoil_jets.jets(charged, neutral, none), clustered_jets.jets(charged, neutral, none, "any")
    assert len(clustered.pt) == pytest.approx(len(cones.pt), rel=0.1)
    hardest = [
        np.maximum.reduceat(found.pt, np.flatnonzero(np.diff(found.event, prepend=-1))) for found in (cones, clustered)
    ]
    has = [np.isin(np.arange(EVENTS), found.event) for found in (cones, clustered)]
    both = has[0] & has[1]
    ratio = hardest[1][both[has[1]]] / hardest[0][both[has[0]]]
    assert both.sum() > 0.9 * EVENTS
    assert np.median(ratio) == pytest.approx(1, abs=0.03)
    assert (np.abs(ratio - 1) < 0.2).mean() > 0.9


def test_jets_are_calibrated_and_cut() -> None:
    """Two objects near a hard one; what has no tracks where there should be is of pile-up; an event without objects."""
    pytest.importorskip("fastjet", reason=f"fastjet is not installed: {WAY}[pythia]'")
    tracks = Tracks(*(np.array(values) for values in ([0, 0], [20.0, 15.0], [0.0, 3.5], [3.1, 1.0], [1.0, -1.0])))
    number = np.array([0, 0, 0, 2])
    pt, eta, phi = np.array([10.0, 30.0, 3.0, 50.0]), np.array([0.1, -1.0, -4.0, 2.9]), np.array([-3.1, 0.0, 2.0, 0.5])
    clusters = Clusters(number, pt, eta, phi, pt)
    found, cones = (
        clustered_jets.jets(tracks, clusters, np.zeros(4), "any"),
        recoil_jets.jets(tracks, clusters, np.zeros(4)),
    )
    assert found.event.tolist() == [0, 2]
    for name, values in vars(cones).items():
        assert getattr(found, name) == pytest.approx(values, abs=1e-3)
    busy = clustered_jets.jets(tracks, clusters, np.full(4, 100.0), "any")
    assert busy.pt == pytest.approx(found.pt - 100 * recoil_jets.OFFSET / recoil_jets.RESPONSE)


@pytest.mark.parametrize(("module", "name"), [("pythia8mc", "Pythia 8"), ("fastjet", "FastJet")])
def test_a_missing_extra_is_named(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any event is made."""
    needed()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RequestError, match=rf"'pythia_recoil' needs {name}: pip install 'lineshape\[pythia\]'"):
        PythiaRecoil(process="w_mu_nu").generate(10, np.random.default_rng(1))


def test_the_fast_simulation_does_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pythia8mc", "fastjet"):
        monkeypatch.setitem(sys.modules, module, None)
    assert WMuNu().generate(10, np.random.default_rng(1)).length == 10


def test_settings() -> None:
    family, order = read_order("w", KindSpec(kind="pythia_recoil", process="z_mu_mu", events=10, mu_high=5))
    assert isinstance(family, PythiaRecoil)
    assert order.amount == 10
    with pytest.raises(RequestError, match="mu_high is 5"):
        read_order("w", KindSpec(kind="pythia_recoil", process="w_mu_nu", events=10, mu_low=10, mu_high=5))
    with pytest.raises(RequestError, match="unknown key 'flat_share'"):
        read_order("w", KindSpec(kind="pythia_recoil", process="w_mu_nu", events=10, flat_share=0.3))
    needed()
    with pytest.raises(RequestError, match=r"no such setting.*'Beams:colour = 3'"):
        generated("w_mu_nu", commands=("Beams:colour = 3",))


def test_muons_that_never_come() -> None:
    """Pythia may be told to let the boson decay to something else."""
    needed()
    family = PythiaRecoil(process="w_mu_nu", commands=("24:onIfAny = 11", "24:offIfAny = 13", "PartonLevel:all = off"))
    with pytest.raises(RunError, match=r"no muons in acceptance in 10,000 events: process w_mu_nu"):
        family.generate(10, np.random.default_rng(1))
