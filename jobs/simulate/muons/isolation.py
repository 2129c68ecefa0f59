"""Draw true transverse energy in cones about muons: underlying event, jets, and photons radiated by the muon."""

from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats, separation
from lineshape.jobs.simulate.physics.muon_candidates import NO_JET, HardJets
from lineshape.jobs.simulate.physics.true_muons import PROMPT, Ints, TrueMuons

# All shapes here were set by hand to sums of true energies in Pythia 8.317's tt̄, W and Z events.
#: Widths in ΔR of the soft edges of a hadron's decay products and of a jet.
DECAY_EDGE: Final = 0.04
JET_EDGE: Final = 0.075


def within(momenta: Floats, eta: Floats, phi: Floats, cone: float) -> Floats:
    """Return the pT of (n, 4) systems that lies in a cone about (η, φ): all, or little, with a soft edge."""
    pt = np.hypot(momenta[:, 0], momenta[:, 1])
    distance = separation(
        np.arcsinh(momenta[:, 2] / np.maximum(pt, 1e-6)), np.arctan2(momenta[:, 1], momenta[:, 0]), eta, phi
    )
    return np.asarray(pt / (1 + np.exp(((distance - cone) / DECAY_EDGE).clip(-30, 30))))


def fragments(pt: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw how much of the rest of a jet, pT in GeV, lies within 0.2 and 0.3 of a muon at its core."""
    wide = pt * rng.beta(0.42, 0.27, len(pt))
    return wide * rng.beta(1.6, 0.6, len(pt)), wide


def surroundings(
    muons: TrueMuons, jets: HardJets, own: Ints, activity: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Draw the transverse energy within 0.2 and 0.3 of muons that is not of their own jet, GeV.

    Prompt muons radiate photons; those of taus hardly do. own: the slot of the jet that a muon comes from, −1 for those
    of the hard process. activity: of the underlying event and soft radiation, relative to that of W and Z events.
    """
    event, eta, phi = muons.event, muons.eta, muons.phi
    radiating = muons.origin == PROMPT
    n = len(event)
    # Few particles are in a cone; their number scatters with the hardness of the whole event.
    hardness = activity * rng.gamma(1.3, 1 / 1.3, n)
    inner, ring = _soft(0.9 * hardness, rng), _soft(1.2 * hardness, rng)
    inner += np.where(radiating, _photons(n, rng), 0.0)
    if jets.pt.shape[1]:
        distance = separation(eta[:, np.newaxis], phi[:, np.newaxis], jets.eta[event], jets.phi[event])
        away = (jets.flavour[event] != NO_JET) & (np.arange(jets.pt.shape[1]) != own[:, np.newaxis])
        pt = np.where(away, jets.pt[event], 0.0)
        inner += _spilled(pt, distance, 0.2)
        ring += _spilled(pt, distance, 0.3) - _spilled(pt, distance, 0.2)
    return inner, inner + ring


def _soft(mean: Floats, rng: np.random.Generator) -> Floats:
    """Draw the summed pT of Poisson numbers of particles with exponential pT, 0.33 GeV on average."""
    number = rng.poisson(mean)
    return np.asarray(0.33 * rng.standard_gamma(np.maximum(number, 1e-9)) * (number > 0))


def _photons(n: int, rng: np.random.Generator) -> Floats:
    """Draw final-state radiation near one muon in five, with dN/dlog pT flat from 1 MeV to 15 GeV."""
    return np.where(rng.random(n) < 0.2, np.exp(rng.uniform(np.log(1e-3), np.log(15.0), n)), 0.0)


def _spilled(pt: Floats, distance: Floats, cone: float) -> Floats:
    """Sum over jets (n, slots) the pT inside a cone at a distance from their axes: the core, and a tail ∝ 1/ΔR³."""
    core = 0.85 / (1 + np.exp(((distance - cone) / JET_EDGE).clip(-30, 30)))
    tail = 0.07 * (cone / np.maximum(distance, cone)) ** 3
    return np.asarray((pt * (core + tail)).sum(axis=1))
