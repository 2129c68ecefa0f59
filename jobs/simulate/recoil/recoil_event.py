"""Draw what a W or Z recoils against: partons of initial-state radiation, and the underlying event."""

from dataclasses import replace
from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.soft_hadrons import Particles, Partons, fragments, joined, soft

# Constants were set by hand so that, without pile-up, 6,000 W → μν events of Pythia 8 (Monash tune, 13 TeV) and as many
# of the same bosons here agree within a tenth in the same detector, Pythia's figure first: u⊥ of visible particles 4.5
# and 4.5 GeV, of objects 5.7 and 5.5 GeV; 28.1 and 28.6 tracks; ΣpT of tracks 40 and 41 GeV, ΣET of clusters at the EM
# scale 22 and 24 GeV; a jet above 20 GeV in 29 and 28 % of events, two in 7.4 and 8.1 %. What differs by more: above
# 50 GeV u⊥ is narrower here (7.2 and 6.4 GeV), below 20 GeV jets are fewer, below 5 GeV the response is larger.

#: Partons of initial-state radiation at most, and the probabilities of those after the first.
SLOTS: Final = 4
OTHERS: Final = (0.45, 0.34, 0.18)
#: Factor by which the first one's share is larger than the others', on average.
LEADING: Final = 2.7
#: Of a boson's pT partons balance pT/(pT + this), GeV; all particles the rest, as of the partons' primordial momentum.
BY_ALL: Final = 5.0
#: Sideways momentum of partons: a constant, GeV, and a share of the pT that they balance.
SIDEWAYS: Final = (4.7, 0.36)
#: Spread about the boson's rapidity of hard partons, what soft ones have beyond it, and the pT [GeV] of half of that.
SPREAD: Final = (1.5, 1.9, 8.0)
#: Further pairs of partons, back to back: their mean number, pT of one at least [GeV], the power with which the number
#: above a pT falls, and the spread of a pair's middle in η and of each about it. Where one
#: of two is beyond the calorimeter, u⊥ misses it.
PAIRS: Final = 3.9
PAIR_PT: Final = 3.3
PAIR_POWER: Final = 2.75
PAIR_ETA: Final = (1.9, 3.1)
#: Soft particles of the underlying event, all η, at pT 0 and per GeV of the boson's up to PLATEAU_AT. Activity, of
#: pairs as well, fluctuates as a gamma distribution of this shape.
UNDERLYING: Final = 172.0
RISE: Final = 0.53
PLATEAU_AT: Final = 30.0
ACTIVITY: Final = 2.2
#: Their spectrum, GeV, falls more slowly than that of collisions without a hard process, and their plateau is wider.
SPECTRUM: Final = (1.13, 1.6, 3.0)
PLATEAU: Final = (5.7, 1.2)
#: Constants of fragmentation, as in soft_hadrons, and shares of charged hadrons and of π⁰.
SPLITTING: Final = (1.0, 2.0, 0.65)
SHARES: Final = (0.595, 0.265)


def hadrons(px: Floats, py: Floats, y: Floats, rng: np.random.Generator) -> Particles:
    """Draw all particles that recoil against bosons of (n,) px, py [GeV] and rapidity.

    The transverse momenta of each event's particles add up to −(px, py).
    """
    pt = np.hypot(px, py)
    by_partons = pt / (pt + BY_ALL)
    partons = recoil_partons(by_partons * px, by_partons * py, y, rng)
    activity = rng.standard_gamma(ACTIVITY, len(pt)) / ACTIVITY
    counts = rng.poisson(activity * (UNDERLYING + RISE * np.minimum(pt, PLATEAU_AT)))
    pairs = further_partons(activity, rng)
    particles = joined(
        fragments(partons, rng, SPLITTING, SHARES),
        fragments(pairs, rng, SPLITTING, SHARES),
        soft(np.arange(len(pt)), counts, True, rng, SPECTRUM, PLATEAU, SHARES),
    )
    return balanced(particles, px, py)


def recoil_partons(px: Floats, py: Floats, y: Floats, rng: np.random.Generator) -> Partons:
    """Draw one to four partons an event, whose momenta add up to −(px, py)."""
    n, pt = len(px), np.hypot(px, py)
    there = np.ones((n, SLOTS), dtype=bool)
    there[:, 1:] = rng.random((n, SLOTS - 1)) < OTHERS
    share = rng.standard_gamma(1.5, (n, SLOTS)) * there
    share[:, 0] *= LEADING
    share /= share.sum(axis=1)[:, np.newaxis]
    aside = rng.standard_normal((2, n, SLOTS)) * (SIDEWAYS[0] + SIDEWAYS[1] * pt)[:, np.newaxis] * there
    own_x, own_y = (
        each - share * (total + each.sum(axis=1))[:, np.newaxis] for each, total in zip(aside, (px, py), strict=True)
    )
    reach = SPREAD[0] + SPREAD[1] / (1 + (np.hypot(own_x, own_y) / SPREAD[2]) ** 2)
    eta = y[:, np.newaxis] + reach * rng.standard_normal((n, SLOTS))
    event = np.nonzero(there)[0]
    return Partons(event, own_x[there], own_y[there], eta[there], np.ones(len(event), dtype=bool))


def further_partons(activity: Floats, rng: np.random.Generator) -> Partons:
    """Draw pairs of partons back to back, of further collisions of the same two protons.

    activity: (n,), 1 on average.
    """
    event = np.repeat(np.arange(len(activity)), rng.poisson(activity * PAIRS))
    n = len(event)
    pt, phi = PAIR_PT * rng.random(n) ** (-1 / PAIR_POWER), rng.uniform(-np.pi, np.pi, n)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    eta = rng.normal(0, PAIR_ETA[0], n) + rng.normal(0, PAIR_ETA[1], (2, n))
    own_x, own_y = np.concatenate([px, -px]), np.concatenate([py, -py])
    return Partons(np.tile(event, 2), own_x, own_y, eta.ravel(), np.ones(2 * n, dtype=bool))


def balanced(particles: Particles, px: Floats, py: Floats) -> Particles:
    """Shift the particles' momenta so that each event's add up to −(px, py).

    Each particle takes a share of the missing momentum in proportion to its own pT.
    """
    n = len(px)
    weight = particles.pt
    weight = weight / np.bincount(particles.event, weight, n)[particles.event]

    def with_share(own: Floats, total: Floats) -> Floats:
        missing = total + np.bincount(particles.event, own, n)
        return np.asarray(own - missing[particles.event] * weight)

    return replace(particles, px=with_share(particles.px, px), py=with_share(particles.py, py))
