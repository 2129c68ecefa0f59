"""Simulate muons of bottom and charm jets: b → μ, b → c → μ and c → μ, each from a hadron that flies before it decays.

Masses and lifetimes are PDG 2024's; shares of hadrons among the parents of muons are Pythia 8.317's. The probabilities
of b → μ and b → c → μ were set so that tt̄ has Pythia's rates of muons above 5 GeV: they are 7 % and 20 % larger than
the branching fractions, for harder fragmentation or decays there. Fragmentation was set by hand to Pythia's spectra.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.muons.isolation import fragments, within
from lineshape.jobs.simulate.physics.kinematics import Floats, boost_from_rest, cylindrical, direction, massive
from lineshape.jobs.simulate.physics.lepton_decays import charges, flight, impact
from lineshape.jobs.simulate.physics.muon_ancestry import NOT_ISOLATED
from lineshape.jobs.simulate.physics.muon_candidates import BOTTOM, CHARM, HardJets, JetMuons
from lineshape.jobs.simulate.physics.true_muons import FAKE, TrueMuons
from lineshape.jobs.simulate.physics.weak_decays import boson_masses, weak_decay


@dataclass(frozen=True)
class Hadrons:
    """Species of hadrons: their shares among the parents of muons, masses in GeV, cτ in mm."""

    shares: tuple[float, ...]
    masses: tuple[float, ...]
    lifetimes: tuple[float, ...]


#: B⁺, B⁰, Bs, Λb.
BEAUTY: Final = Hadrons((0.455, 0.42, 0.09, 0.035), (5.279, 5.280, 5.367, 5.620), (0.491, 0.455, 0.456, 0.441))
#: D⁺, D⁰, Ds, Λc.
CHARMED: Final = Hadrons((0.448, 0.371, 0.163, 0.018), (1.870, 1.865, 1.968, 2.286), (0.310, 0.123, 0.151, 0.061))
#: Probabilities of b → μ, b → c → μ and c → μ.
DIRECT: Final = 0.117
CASCADE: Final = 0.116
FROM_CHARM: Final = 0.086
#: Mass that a hadron leaves when its quark decays: D, D* and heavier; K and K*.
CHARM_SYSTEM: Final = 2.02
STRANGE_SYSTEM: Final = 0.75
#: Largest momentum of a charm hadron from a bottom one at rest, GeV.
CHARM_MOMENTUM: Final = 2.4
#: The beta distributions of the hadrons' share of their parton's momentum.
BEAUTY_FRAGMENTATION: Final = (5.6, 2.4)
CHARM_FRAGMENTATION: Final = (3.0, 2.5)
#: Origins by ATLAS's truth classifier: of a bottom and of a charmed meson.
FROM_BOTTOM_MESON: Final = 26
FROM_CHARMED_MESON: Final = 25


def heavy_flavour_muons(jets: HardJets, rng: np.random.Generator) -> JetMuons:
    """Draw muons of all bottom and charm jets, at most one a jet."""
    drawn = rng.random(jets.flavour.shape)
    bottom, charm = jets.flavour == BOTTOM, jets.flavour == CHARM
    event, slot = np.nonzero((bottom & (drawn < DIRECT + CASCADE)) | (charm & (drawn < FROM_CHARM)))
    from_bottom = bottom[event, slot]
    direct = from_bottom & (drawn[event, slot] < DIRECT)
    pt, eta, phi = jets.pt[event, slot], jets.eta[event, slot], jets.phi[event, slot]
    n = len(event)

    share = np.where(from_bottom, rng.beta(*BEAUTY_FRAGMENTATION, n), rng.beta(*CHARM_FRAGMENTATION, n))
    mass, lifetime = _species(BEAUTY, n, rng)
    charm_mass, charm_lifetime = _species(CHARMED, n, rng)
    mass, lifetime = np.where(from_bottom, mass, charm_mass), np.where(from_bottom, lifetime, charm_lifetime)
    parent = massive(share * pt, eta, phi, mass)
    vertex = flight(parent, mass, lifetime, rng)
    left = np.zeros_like(parent)
    rows = np.flatnonzero(from_bottom & ~direct)
    charmed = _charm_of_bottom(parent[rows], mass[rows], charm_mass[rows], rng)
    left[rows] = parent[rows] - charmed
    parent[rows], mass[rows] = charmed, charm_mass[rows]
    vertex[rows] += flight(charmed, charm_mass[rows], charm_lifetime[rows], rng)

    muon, visible = _semileptonic(parent, mass, direct, rng)
    muon_pt, muon_eta, muon_phi = cylindrical(muon)
    d0, z0 = impact(vertex, muon_eta, muon_phi)
    remainder = fragments((1 - share) * pt, rng)
    cones = [
        part + within(visible, muon_eta, muon_phi, cone) + within(left, muon_eta, muon_phi, cone)
        for part, cone in zip(remainder, (0.2, 0.3), strict=True)
    ]
    origin = np.where(direct, FROM_BOTTOM_MESON, FROM_CHARMED_MESON)
    muons = TrueMuons(
        event,
        np.full(n, FAKE),
        np.full(n, NOT_ISOLATED),
        origin,
        muon_pt,
        muon_eta,
        muon_phi,
        charges(n, rng),
        d0,
        z0,
        muon_pt,
        muon_pt,
        *cones,
    )
    return JetMuons(muons, slot)


def _species(hadrons: Hadrons, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the masses and lifetimes of n hadrons."""
    drawn = np.searchsorted(np.cumsum(hadrons.shares)[:-1], rng.random(n))
    return np.array(hadrons.masses)[drawn], np.array(hadrons.lifetimes)[drawn]


def _charm_of_bottom(bottom: Floats, mass: Floats, charm_mass: Floats, rng: np.random.Generator) -> Floats:
    """Draw charm hadrons (n, 4) of bottom ones (n, 4), with the soft and broad momentum spectrum of B → D X."""
    n = len(bottom)
    momentum = CHARM_MOMENTUM * rng.beta(2.6, 1.8, n)
    charmed = np.empty((n, 4))
    charmed[:, :3] = direction(rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)) * momentum[:, np.newaxis]
    charmed[:, 3] = np.sqrt(momentum**2 + charm_mass**2)
    return boost_from_rest(charmed, bottom, mass)


def _semileptonic(
    parent: Floats, mass: Floats, from_bottom: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw muons (n, 4), and the visible momentum beside them."""
    muon, visible = np.empty_like(parent), np.empty_like(parent)
    for up_type, rest, typical in ((False, CHARM_SYSTEM, 5.279), (True, STRANGE_SYSTEM, 1.868)):
        rows = np.flatnonzero(from_bottom != up_type)
        boson = boson_masses(typical, rest, len(rows), rng)
        decay = weak_decay(parent[rows], mass[rows], rest, boson, up_type, rng)
        muon[rows], visible[rows] = decay.lepton, decay.rest
    return muon, visible
