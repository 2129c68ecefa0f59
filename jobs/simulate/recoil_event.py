"""What a W or Z recoils against: partons of initial-state radiation, and the underlying event."""

from dataclasses import replace
from typing import Final

import numpy as np

from lineshape.jobs.simulate.kinematics import Floats
from lineshape.jobs.simulate.soft_hadrons import Particles, Partons, fragments, joined, soft

#: Partons at most. Those after the first are there with a probability that grows with pT [GeV] up to a limit.
SLOTS: Final = 4
OTHERS: Final = ((0.40, 0.004, 0.70), (0.25, 0.003, 0.50), (0.15, 0.003, 0.40))
#: The first one's share is larger than the others' by this, on average.
LEADING: Final = 2.0
#: Partons are thrown aside by so much, GeV, and by so much of the boson's pT; they lie so far from its rapidity.
SIDEWAYS: Final = (3.0, 0.12)
SPREAD: Final = 1.5
#: Particles of the underlying event, all η, at pT 0 and per GeV of the boson's up to PLATEAU_AT; activity fluctuates as
#: a gamma distribution of this shape. 1.2 charged ones above 0.5 GeV in a unit of η–φ.
UNDERLYING: Final = 180.0
RISE: Final = 0.8
PLATEAU_AT: Final = 30.0
ACTIVITY: Final = 3.0
#: Its spectrum, GeV, is harder than that of collisions without a hard process.
SPECTRUM: Final = (1.6, 1.7, 3.5)


def hadrons(px: Floats, py: Floats, y: Floats, rng: np.random.Generator) -> Particles:
    """All that recoils against bosons of (n,) px, py [GeV] and rapidity.

    The transverse momenta of each event's particles add up to −(px, py).
    """
    pt = np.hypot(px, py)
    partons = recoil_partons(px, py, y, rng)
    activity = rng.standard_gamma(ACTIVITY, len(pt)) / ACTIVITY
    counts = rng.poisson(activity * (UNDERLYING + RISE * np.minimum(pt, PLATEAU_AT)))
    particles = joined(fragments(partons, rng), soft(np.arange(len(pt)), counts, True, rng, SPECTRUM))
    return balanced(particles, px, py)


def recoil_partons(px: Floats, py: Floats, y: Floats, rng: np.random.Generator) -> Partons:
    """One to four partons an event, whose momenta add up to −(px, py)."""
    n, pt = len(px), np.hypot(px, py)
    there = np.ones((n, SLOTS), dtype=bool)
    for slot, (least, slope, most) in enumerate(OTHERS, start=1):
        there[:, slot] = rng.random(n) < np.minimum(least + slope * pt, most)
    share = rng.standard_gamma(1.5, (n, SLOTS)) * there
    share[:, 0] *= LEADING
    share /= share.sum(axis=1)[:, np.newaxis]
    aside = rng.standard_normal((2, n, SLOTS)) * (SIDEWAYS[0] + SIDEWAYS[1] * pt)[:, np.newaxis] * there
    own_x, own_y = (
        each - share * (total + each.sum(axis=1))[:, np.newaxis] for each, total in zip(aside, (px, py), strict=True)
    )
    eta = y[:, np.newaxis] + rng.normal(0, SPREAD, (n, SLOTS))
    event = np.nonzero(there)[0]
    return Partons(event, own_x[there], own_y[there], eta[there], np.ones(len(event), dtype=bool))


def balanced(particles: Particles, px: Floats, py: Floats) -> Particles:
    """Particles of the same events that add up to −(px, py): each takes of what is missing by its own pT."""
    n = len(px)
    weight = particles.pt
    weight = weight / np.bincount(particles.event, weight, n)[particles.event]

    def with_share(own: Floats, total: Floats) -> Floats:
        missing = total + np.bincount(particles.event, own, n)
        return np.asarray(own - missing[particles.event] * weight)

    return replace(particles, px=with_share(particles.px, px), py=with_share(particles.py, py))
