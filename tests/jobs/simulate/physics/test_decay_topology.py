"""Decay topologies: exact kinematics, the priors that they say, and endpoints of the textbook."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from lineshape.jobs.simulate.families.semi_invisible import SemiInvisible
from lineshape.jobs.simulate.families.semi_invisible_cascade import SemiInvisibleCascade
from lineshape.jobs.simulate.families.semi_invisible_pair import SemiInvisiblePair
from lineshape.jobs.simulate.families.visible_pair import VisiblePair
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events

N = 50_000
Floats = NDArray[np.float64]
FAMILIES: list[DecayTopology] = [VisiblePair(), SemiInvisible(), SemiInvisiblePair(), SemiInvisibleCascade()]


def mass(momenta: Floats) -> Floats:
    """Of (n, 4) momenta."""
    return np.asarray(np.sqrt(np.maximum(momenta[:, 3] ** 2 - (momenta[:, :3] ** 2).sum(axis=1), 0)))


@pytest.fixture(params=FAMILIES, ids=lambda family: type(family).__name__)
def family(request: pytest.FixtureRequest) -> DecayTopology:
    found: DecayTopology = request.param
    return found


def events_of(family: DecayTopology, rng: np.random.Generator) -> Events:
    return family.events(N, rng)


def test_visible_particles_are_massless_and_nothing_recoils(family: DecayTopology, rng: np.random.Generator) -> None:
    events = events_of(family, rng)
    energies = events.visible[..., 3]
    assert mass(events.visible.reshape(-1, 4)) == pytest.approx(0, abs=1e-3)
    assert (energies >= 0).all()
    if not isinstance(family, VisiblePair):  # whatever flies along the beam has no transverse momentum
        across = events.visible.sum(axis=1)[:, :2] + events.invisible[:, :2]
        assert across == pytest.approx(0, abs=1e-6)


def test_energy_and_masses_are_those_of_the_parents(family: DecayTopology, rng: np.random.Generator) -> None:
    """All momenta together have the parent's mass, or for a pair one above twice that, and an energy in its range."""
    events = events_of(family, rng)
    whole = events.visible.sum(axis=1) + events.invisible
    parent = events.masses["parentMass"]
    if isinstance(family, SemiInvisiblePair):
        assert (mass(whole) >= 2 * parent - 1e-3).all()
        assert (mass(whole) <= family.pair_mass + 1e-3).all()
    else:
        assert mass(whole) == pytest.approx(parent, rel=1e-6)
    assert (whole[:, 3] >= mass(whole) - 1e-3).all()
    assert (whole[:, 3] <= family.energy).all()


def test_priors_are_uniform(family: DecayTopology, rng: np.random.Generator) -> None:
    """The share of masses in the lower half of the range: five standard errors (false alarm 6e-7 each)."""
    masses = family.events(N, rng).masses
    tolerance = 5 * 0.5 / N**0.5
    assert np.mean(masses["parentMass"] < 300) == pytest.approx(0.5, abs=tolerance)
    assert masses["parentMass"].min() >= 100
    assert masses["parentMass"].max() <= 500
    heavier = masses.get("intermediateMass", masses["parentMass"])
    if "invisibleMass" in masses:
        assert np.mean(masses["invisibleMass"] / heavier < 0.475) == pytest.approx(0.5, abs=tolerance)


def test_decays_are_isotropic(rng: np.random.Generator) -> None:
    """At rest: cos θ of b in the frame of an A that hardly moves has the mean 0 and the mean square 1/3."""
    events = SemiInvisible(parent_mass=(400, 400), energy=400.000001).events(N, rng)
    b = events.visible[:, 0]
    cosine = b[:, 2] / b[:, 3]
    assert cosine.mean() == pytest.approx(0, abs=5 / (3 * N) ** 0.5)
    assert (cosine**2).mean() == pytest.approx(1 / 3, abs=5 * 0.3 / N**0.5)


def test_the_edge_of_the_cascade(rng: np.random.Generator) -> None:
    """m_bc of a cascade ends at √((m_A² − m_B²)(m_B² − m_C²)) / m_B, and m_bc² is uniform below it."""
    shares = {"intermediate_share": (0.75, 0.75), "invisible_share": (0.5, 0.5)}
    events = SemiInvisibleCascade(parent_mass=(400, 400), **shares).events(N, rng)
    found = mass(events.visible.sum(axis=1))
    edge = np.sqrt((400**2 - 300**2) * (300**2 - 150**2)) / 300
    assert found.max() <= edge * (1 + 1e-9)
    assert (found**2).mean() == pytest.approx(edge**2 / 2, rel=5 / (3 * N) ** 0.5)


def test_the_file_has_what_a_detector_would_tell(family: DecayTopology, rng: np.random.Generator) -> None:
    """Visible momenta in MeV, and missing ones across the beam alone: nothing of the invisible particles but these."""
    sample = family.generate(100, rng)
    assert sample.length == 100
    names = set(sample.events) | set(sample.objects)
    assert {"MET_TruthAuxDyn.mpx", "MET_TruthAuxDyn.mpy", "TruthVisibleAuxDyn"} <= names
    assert sample.objects["TruthVisibleAuxDyn"].keys() == {"pt", "eta", "phi", "m"}
    assert sample.events["EventInfoAuxDyn.parentMass"].min() >= 100_000


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        (SemiInvisible, {"parent_mass": (500, 100)}, "expected a range that rises"),
        (SemiInvisible, {"invisible_share": (0.9, 0.1)}, "invisible_share: expected a range that rises"),
        (SemiInvisible, {"energy": 300}, "do not suffice for the 500 GeV"),
        (SemiInvisiblePair, {"parent_mass": (100, 800)}, "do not suffice for two of the 800 GeV"),
        (SemiInvisible, {"invisible_share": (0, 1)}, "less than 1"),
    ],
)
def test_masses_that_do_not_fit_are_named(
    family: type[DecayTopology], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        family(**settings)
