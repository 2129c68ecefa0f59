"""Turn the energy of particles and of pile-up into clusters: a calorimeter in towers of 0.2 × 0.2."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.soft_hadrons import Ints

RINGS: Final = 49
COLUMNS: Final = 31
TOWERS: Final = RINGS * COLUMNS
EDGE: Final = 4.9
RING_WIDTH: Final = 2 * EDGE / RINGS
COLUMN_WIDTH: Final = 2 * np.pi / COLUMNS
#: |η| beyond which there are no tracks, and pile-up's charged particles stay in the calorimeter's energy.
TRACKER: Final = 2.5
#: Soft pile-up is gamma distributed in each tower, as the sum of many particles is: mean pT in GeV of a collision in a
#: tower, where there are tracks and where there are none, and the scale of the distribution, ⟨pT²⟩/⟨pT⟩ of particles.
#: With tracks that is 1.1 GeV in a unit of η; half of what charged particles have is 2 GeV, of which noise hides some.
PILE_UP: Final = (0.007, 0.0125)
SCALE: Final = (0.75, 0.75)
#: A cluster has this pT at least, GeV: four times the noise, which is larger in the forward calorimeters.
THRESHOLD: Final = (1.0, 2.0)
#: Part of pile-up that is seen at the electromagnetic scale: photons, and hadrons as well.
EM_SCALE: Final = 0.8


@dataclass(frozen=True)
class Deposits:
    """Energy deposits in the calorimeter; shape (n,) each.

    px, py: calibrated momentum, GeV. em: electromagnetic-scale pT, GeV.
    """

    event: Ints
    px: Floats
    py: Floats
    eta: Floats
    em: Floats


@dataclass(frozen=True)
class Clusters:
    """Neutral objects; calibrated and electromagnetic-scale pT in GeV, shape (n,) each."""

    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    em: Floats


def together(*parts: Deposits) -> Deposits:
    """Concatenate deposits."""
    return Deposits(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Deposits)))


def clusters(deposits: Deposits, activity: Floats, mu: Floats, rng: np.random.Generator) -> Clusters:
    """Return towers above threshold, each as one cluster, in order of event.

    activity: (n,) summed over each event's pile-up collisions, 1 for an average one. mu: (n,) their mean number.
    Memory: seven arrays of n × TOWERS numbers.
    """
    n = len(mu)
    pt = np.hypot(deposits.px, deposits.py)
    ring = ((deposits.eta + EDGE) / RING_WIDTH).astype(np.int64).clip(0, RINGS - 1)
    column = ((np.arctan2(deposits.py, deposits.px) + np.pi) / COLUMN_WIDTH).astype(np.int64) % COLUMNS
    cell = deposits.event * TOWERS + ring * COLUMNS + column
    signal = np.bincount(cell, pt, n * TOWERS)
    pile_up = overlaid(activity, mu, rng).ravel()
    centre = np.abs((np.arange(RINGS) + 0.5) * RING_WIDTH - EDGE)
    threshold = np.repeat(np.where(centre < TRACKER, *THRESHOLD), COLUMNS)
    kept = np.flatnonzero((signal + pile_up).reshape(n, TOWERS) > threshold)

    def of_kept(values: Floats) -> Floats:
        return np.asarray(np.bincount(cell, values, n * TOWERS)[kept], dtype=np.float64)

    extra = pile_up[kept].astype(np.float64)
    event, tower = np.divmod(kept, TOWERS)
    # Pile-up is somewhere in the tower; what is subtracted for it has no direction of its own.
    eta = (tower // COLUMNS + rng.random(len(kept))) * RING_WIDTH - EDGE
    phi = (tower % COLUMNS + rng.random(len(kept))) * COLUMN_WIDTH - np.pi
    own, added = signal[kept], np.maximum(extra, 0)
    shrink = 1 + np.minimum(extra, 0) / np.maximum(own, 1e-9)
    px = of_kept(deposits.px) * shrink + added * np.cos(phi)
    py = of_kept(deposits.py) * shrink + added * np.sin(phi)
    eta = (of_kept(pt * deposits.eta) + added * eta) / (own + added)
    em = (of_kept(deposits.em) * shrink + added * EM_SCALE).clip(0.05)
    return Clusters(event, np.hypot(px, py), eta, np.arctan2(py, px), em)


def overlaid(activity: Floats, mu: Floats, rng: np.random.Generator) -> Floats:
    """Draw the pT of soft pile-up in each tower, (n, TOWERS) in GeV, less its average at that mu.

    Earlier and later collisions take out the average: the signal's shape is bipolar, its integral is zero.
    """
    centre = np.abs((np.arange(RINGS) + 0.5) * RING_WIDTH - EDGE)
    mean, scale = (np.repeat(np.where(centre < TRACKER, *each), COLUMNS) for each in (PILE_UP, SCALE))
    shape = (activity[:, np.newaxis] * (mean / scale)).astype(np.float32)
    drawn = rng.standard_gamma(shape, dtype=np.float32)
    return np.asarray(drawn * scale.astype(np.float32) - mu[:, np.newaxis].astype(np.float32) * mean.astype(np.float32))
