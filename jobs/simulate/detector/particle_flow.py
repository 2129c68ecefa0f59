"""Make particle-flow objects: tracks, and the calorimeter's energy after subtraction of theirs.

Efficiencies and resolutions are those of the published Delphes ATLAS cards.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lineshape.jobs.simulate.detector.calorimeter_towers import Deposits, together
from lineshape.jobs.simulate.detector.tracks_and_showers import track_efficiency, track_momentum
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.soft_hadrons import CHARGED, PHOTON, Bools, Ints, Particles

#: Tracks are found to this |η|, above this pT in GeV; charged particles below it don't reach the calorimeter.
TRACKER: Final = 2.5
TRACK_PT: Final = 0.5
#: |η| where the calorimeter ends.
CALORIMETER: Final = 4.9
#: Excess of a track's shower over the energy subtracted for it, in σ, above which the excess stays.
REMNANT: Final = 1.0
#: Clusters of photons, calibrated, have this part of the energy, those of hadrons 1 − a·E^−b [GeV]: the rest is lost
#: before the calorimeter and outside of clusters.
PHOTON_SCALE: Final = 0.95
HADRON_LOSS: Final = (0.5, 0.3)
#: At the electromagnetic scale hadrons have this part of their calibrated pT, with this spread; photons have all.
EM_SCALE: Final = 0.6
EM_SPREAD: Final = 0.12


@dataclass(frozen=True)
class Tracks:
    """Charged objects; pT in GeV, shape (n,) each."""

    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    charge: Floats


def tracks(particles: Particles, rng: np.random.Generator) -> tuple[Tracks, Deposits]:
    """Return tracks of the primary vertex, and the calorimeter's deposits after subtraction of all tracks' energy."""
    pt = particles.pt
    inside = (particles.kind == CHARGED) & (pt > TRACK_PT) & (np.abs(particles.eta) < TRACKER)
    found = inside & (rng.random(len(pt)) < track_efficiency(pt, particles.eta))
    seen = particles.take(found)
    seen_pt = pt[found]
    kept = particles.take(found & particles.primary)
    measured = track_momentum(pt[found & particles.primary], kept.eta, rng)
    charge = np.where(rng.random(len(measured)) < 0.5, 1.0, -1.0)
    charged = Tracks(kept.event, measured, kept.eta, np.arctan2(kept.py, kept.px), charge)
    # What has no track and reaches the calorimeter is measured by it.
    unseen = particles.take(
        ~found & (np.abs(particles.eta) < CALORIMETER) & ((particles.kind != CHARGED) | (pt > TRACK_PT))
    )
    return charged, together(showers(unseen, rng), remnants(seen, seen_pt, rng))


def showers(particles: Particles, rng: np.random.Generator) -> Deposits:
    """Return the deposits of particles, calibrated and at the electromagnetic scale."""
    pt, photon = particles.pt, particles.kind == PHOTON
    energy = pt * np.cosh(particles.eta)
    width = resolution(energy, particles.eta, photon)
    scale = np.where(photon, PHOTON_SCALE, 1 - HADRON_LOSS[0] * np.maximum(energy, 0.3) ** -HADRON_LOSS[1])
    # Log-normal about that mean with this relative width.
    sigma = np.sqrt(np.log1p(width**2))
    factor = scale * np.exp(sigma * rng.standard_normal(len(pt)) - sigma**2 / 2)
    em = np.where(photon, 1.0, EM_SCALE + EM_SPREAD * rng.standard_normal(len(pt)))
    px, py = particles.px * factor, particles.py * factor
    return Deposits(particles.event, px, py, particles.eta, pt * factor * em.clip(0.1, 1))


def remnants(particles: Particles, pt: Floats, rng: np.random.Generator) -> Deposits:
    """Return what subtraction leaves of showers of charged particles with tracks, where they exceed expectation."""
    above = rng.standard_normal(len(pt))
    rows = np.flatnonzero(above > REMNANT)
    left = particles.take(rows)
    width = resolution(pt[rows] * np.cosh(left.eta), left.eta, np.zeros(len(rows), dtype=bool))
    factor = width * above[rows]
    return Deposits(left.event, left.px * factor, left.py * factor, left.eta, EM_SCALE * pt[rows] * factor)


def resolution(energy: Floats, eta: Floats, photon: Bools) -> Floats:
    """Return σ_E/E by energy [GeV] and η.

    The cards' noise of 1.59 GeV is left out: clusters are found above noise.
    """
    region = np.digitize(np.abs(eta), [1.7, 3.2])
    constant = np.where(photon, np.array([0.0017, 0.0017, 0.0942])[region], np.array([0.0302, 0.05, 0.0942])[region])
    stochastic = np.where(photon, np.array([0.101, 0.101, 1.0])[region], np.array([0.5205, 0.706, 1.0])[region])
    return np.asarray(np.hypot(constant, stochastic / np.sqrt(np.maximum(energy, 0.05))))
