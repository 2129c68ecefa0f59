"""Simulate muons of light jets: pions and kaons that decay in flight, and hadrons that reach the spectrometer.

A hadron of transverse momentum pT decays before the calorimeter with probability L·m/(cτ·pT), L the transverse path.
Within the inner detector the track has a kink: it curves as the hadron before and as the muon after, and points away
from where the hadron came from. Masses, lifetimes and branching fractions are PDG 2024's; fragmentation is of a usual
form. Shares of pions and kaons, punch-through and the largest kink are estimates, compared with no measurement.
"""

from functools import lru_cache
from typing import Final

import numpy as np

from lineshape.jobs.simulate.muons.isolation import fragments
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.lepton_decays import MUON_MASS, charges
from lineshape.jobs.simulate.physics.muon_ancestry import BACKGROUND, KAON_ORIGIN, PION_ORIGIN
from lineshape.jobs.simulate.physics.muon_candidates import LIGHT, HardJets, JetMuons, take
from lineshape.jobs.simulate.physics.true_muons import FAKE, TrueMuons

#: Pion and kaon: mass [GeV], cτ [m], branching fraction to a muon, share of charged hadrons.
MASS: Final = np.array([0.13957, 0.49368])
LIFETIME: Final = np.array([7.804, 3.711])
TO_MUON: Final = np.array([0.9999, 0.6356])
SHARE: Final = np.array([0.78, 0.13])
#: Where the calorimeter ends decays, and the outer radius of the inner detector, m.
RADIUS: Final = 1.4
HALF_LENGTH: Final = 3.4
TRACKER: Final = 1.05
#: Fragmentation of light partons: 2.1 (1 − z)^2.5 / z charged hadrons per z, so that they have 0.6 of the momentum.
HADRONS: Final = 2.1
SOFTEST: Final = 4.0
#: Probability that a hadron is taken for a muon without decaying.
PUNCH_THROUGH: Final = 2.0e-4
#: Kinks beyond this d0 [mm] leave no combined track.
LARGEST_KINK: Final = 5.0
#: Truth classification by ATLAS: background muon of a pion's or a kaon's decay; nothing for a punch-through.
DECAY_ORIGINS: Final = np.array([PION_ORIGIN, KAON_ORIGIN])


def light_hadron_muons(jets: HardJets, rng: np.random.Generator) -> JetMuons:
    """Draw muons of light jets, at most one a jet; a track has a hadron's or a muon's momentum, or a mixture."""
    in_flight = MASS / LIFETIME * TO_MUON * SHARE
    slot_pt = np.maximum(jets.pt, SOFTEST)
    path = np.minimum(RADIUS, HALF_LENGTH / np.maximum(np.abs(np.sinh(jets.eta)), 0.1))
    soft, hard = _fragmentation()
    lowest = np.log(SOFTEST / slot_pt)
    decays = HADRONS * in_flight.sum() * path / slot_pt * np.interp(lowest, soft[0], soft[1][-1] - soft[1])
    through = HADRONS * PUNCH_THROUGH * np.interp(lowest, hard[0], hard[1][-1] - hard[1])
    drawn = np.where(jets.flavour == LIGHT, rng.random(jets.flavour.shape), 2.0)
    event, slot = np.nonzero(drawn < decays + through)
    decayed = drawn[event, slot] < decays[event, slot]
    z = np.where(decayed, _share(lowest[event, slot], soft, rng), _share(lowest[event, slot], hard, rng))
    jet_pt, eta, phi = slot_pt[event, slot], jets.eta[event, slot], jets.phi[event, slot]
    hadron_pt, n = z * jet_pt, len(event)

    kaon = (rng.random(n) < in_flight[1] / in_flight.sum()).astype(np.int64)
    softest = (MUON_MASS / MASS[kaon]) ** 2
    # Isotropic in the rest frame: the muon's share of the momentum is flat.
    muon_pt = hadron_pt * rng.uniform(softest, 1.0)
    radius = path[event, slot] * rng.random(n)
    lever = (radius / TRACKER).clip(0, 1)
    before = lever**2 * (3 - 2 * lever)
    inner_pt = before * hadron_pt + (1 - before) * muon_pt
    # Transverse to the flight: p* sin θ*, with cos θ* from the share; one of its two projections bends in φ.
    cosine = 2 * (muon_pt / hadron_pt - softest) / (1 - softest) - 1
    across = MASS[kaon] / 2 * (1 - softest) * np.sqrt(np.maximum(1 - cosine**2, 0))
    turned = rng.uniform(0, 2 * np.pi, n)
    displaced = 1e3 * radius * (1 - lever) ** 2 / muon_pt * across * decayed
    d0, z0 = displaced * np.cos(turned), displaced * np.sin(turned) * np.cosh(eta)
    punched = hadron_pt * rng.uniform(0.25, 1.0, n)
    pt = np.where(decayed, muon_pt, hadron_pt)
    muons = TrueMuons(
        event,
        np.full(n, FAKE),
        np.where(decayed, BACKGROUND, 0),
        np.where(decayed, DECAY_ORIGINS[kaon], 0),
        pt,
        eta,
        phi,
        charges(n, rng),
        d0,
        z0,
        np.where(decayed, inner_pt, hadron_pt),
        np.where(decayed, muon_pt, punched),
        *fragments(jet_pt - hadron_pt, rng),
    )
    kept = np.abs(d0) < LARGEST_KINK
    return JetMuons(take(muons, kept), slot[kept])


@lru_cache
def _fragmentation() -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return log z, and integrals from the smallest z of the fragmentation over z (decays) and of the fragmentation."""
    z = np.geomspace(1e-3, 1.0, 600)
    log_z = np.log(z)
    integrals = []
    for power in (2, 1):
        density = (1 - z) ** 2.5 / z**power * z
        integrals.append(np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(log_z))]))
    return (log_z, integrals[0]), (log_z, integrals[1])


def _share(lowest: Floats, table: tuple[Floats, Floats], rng: np.random.Generator) -> Floats:
    """Draw shares of momentum above the lowest, both given and tabulated as log z."""
    log_z, integral = table
    start = np.interp(lowest, log_z, integral)
    return np.asarray(np.exp(np.interp(start + rng.random(len(lowest)) * (integral[-1] - start), integral, log_z)))
