"""Simulate pile-up: collisions along the beam, their reconstructed vertices, and their particles in the detector."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.soft_hadrons import (
    CHARGED,
    Bools,
    Ints,
    Particles,
    Partons,
    fragments,
    joined,
    soft,
)

#: Spread of collisions along the beam, mm (Delphes ATLAS card); distances in mm below which tracks are assigned to the
#: primary vertex, and below which two vertices merge.
LENGTH: Final = 53.0
NEAR: Final = 1.0
MERGED: Final = 1.0
#: Particles of a collision in all η, about 6 charged ones in a unit of it; activity as a gamma distribution of this
#: shape.
PARTICLES: Final = 93.0
ACTIVITY: Final = 1.2
#: Tracks are found to this |η|.
TRACKER: Final = 2.5
#: A vertex is found with probability 1 − exp(−activity · this), which is 0.7 on average.
FOUND: Final = 2.0
#: Pairs of partons in a collision, of this pT at least, GeV, and the power with which their number falls: 0.01 jets
#: above 20 GeV in a collision.
HARD: Final = 0.25
HARD_PT: Final = 8.0
HARD_POWER: Final = 4.2


@dataclass(frozen=True)
class PileUp:
    """Collisions beside the primary one, in order of event and z.

    event, z [mm], activity (1 on average), near (taken for the primary vertex): (k,). primary_z: (n,) mm. mu: (n,).
    """

    event: Ints
    z: Floats
    activity: Floats
    near: Bools
    primary_z: Floats
    mu: Floats


def collisions(mu: Floats, rng: np.random.Generator) -> PileUp:
    """Draw the collisions of events; mu: (n,) their mean numbers."""
    primary = rng.normal(0, LENGTH, len(mu))
    event = np.repeat(np.arange(len(mu)), rng.poisson(mu))
    z = rng.normal(0, LENGTH, len(event))
    order = np.lexsort((z, event))
    z = z[order]
    near = np.abs(z - primary[event]) < NEAR
    return PileUp(event, z, rng.standard_gamma(ACTIVITY, len(event)) / ACTIVITY, near, primary, mu)


def reconstructed(pile_up: PileUp, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """Return event and z of reconstructed pile-up vertices; of vertices that merge, only one.

    Vertices merge with each other or with the primary one.
    """
    found = (rng.random(len(pile_up.z)) > np.exp(-FOUND * pile_up.activity)) & (
        np.abs(pile_up.z - pile_up.primary_z[pile_up.event]) > MERGED
    )
    event, z = pile_up.event[found], pile_up.z[found]
    apart = np.ones(len(z), dtype=bool)
    apart[1:] = (np.diff(event) != 0) | (np.diff(z) > MERGED)
    return event[apart], z[apart]


def hard_partons(pile_up: PileUp, rng: np.random.Generator) -> Partons:
    """Draw pairs of partons back to back, of which a few are jets."""
    hard = np.flatnonzero(rng.random(len(pile_up.z)) < HARD * pile_up.activity)
    n = len(hard)
    pt, phi = HARD_PT * rng.random(n) ** (-1 / HARD_POWER), rng.uniform(-np.pi, np.pi, n)
    px, py = pt * np.cos(phi), pt * np.sin(phi)
    middle = rng.normal(0, 1.8, n)
    eta = [middle + rng.normal(0, 1.0, n) for _ in range(2)]
    event, near = np.tile(pile_up.event[hard], 2), np.tile(pile_up.near[hard], 2)
    return Partons(event, np.concatenate([px, -px]), np.concatenate([py, -py]), np.concatenate(eta), near)


def particles(pile_up: PileUp, rng: np.random.Generator) -> Particles:
    """Draw the particles that are followed one by one.

    These are hadrons of hard partons, and charged ones of vertices taken for the primary one. All other soft particles
    are energy in the calorimeter, by tower.
    """
    counts = rng.poisson(PARTICLES * pile_up.activity[pile_up.near])
    tracks = soft(pile_up.event[pile_up.near], counts, True, rng)
    seen = (tracks.kind == CHARGED) & (np.abs(tracks.eta) < TRACKER)
    return joined(fragments(hard_partons(pile_up, rng), rng), tracks.take(seen))


def activity(pile_up: PileUp) -> Floats:
    """Return the summed activity of each event's collisions, (n,)."""
    return np.asarray(np.bincount(pile_up.event, pile_up.activity, len(pile_up.mu)), dtype=np.float64)
