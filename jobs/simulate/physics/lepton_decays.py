"""Decay taus to muons: flight distances, momenta, and the impact parameters of the muons."""

from functools import lru_cache
from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats, around, boost_from_rest, direction, two_body_momentum
from lineshape.jobs.simulate.physics.tau_decays import TAU_MASS

#: Branching fraction of τ → μνν, lifetime in mm and mass of the muon in GeV (PDG 2024).
TAU_TO_MUON: Final = 0.1739
TAU_FLIGHT: Final = 0.08703
MUON_MASS: Final = 0.10566


def muons_of_taus(tau: Floats, polarisation: Floats | float, rng: np.random.Generator) -> Floats:
    """Draw (n, 4) momenta of the muons of (n, 4) taus, GeV.

    In the rest frame of the tau, x = 2E/m and the angle to its flight follow x²[(3 − 2x) − P cos θ (2x − 1)], for P the
    mean helicity of a τ⁻; a τ⁺ of opposite helicity gives the same. The mass of the muon counts in its momentum only.
    """
    n = len(tau)
    x = np.interp(rng.random(n), *_michel())
    # 1 + a cos θ is inverted; stable for a → 0.
    slope = -np.asarray(polarisation) * (2 * x - 1) / (3 - 2 * x)
    r = 2 * rng.random(n) - 1
    cosine = (2 * r + slope) / (1 + np.sqrt(np.maximum(1 + slope * (2 * r + slope), 0)))
    energy = np.maximum(x * TAU_MASS / 2, 1.001 * MUON_MASS)
    axis = tau[:, :3] / np.linalg.norm(tau[:, :3], axis=1, keepdims=True)
    muon = np.empty((n, 4))
    muon[:, :3] = around(axis, cosine.clip(-1, 1), rng.uniform(0, 2 * np.pi, n))
    muon[:, :3] *= np.sqrt(energy**2 - MUON_MASS**2)[:, np.newaxis]
    muon[:, 3] = energy
    return boost_from_rest(muon, tau, TAU_MASS)


@lru_cache
def _michel() -> tuple[Floats, Floats]:
    x = np.linspace(0, 1, 1001)
    return x**3 * (2 - x), x


def two_bodies(
    parent: Floats, mass: Floats, m1: Floats | float, m2: Floats | float, rng: np.random.Generator
) -> Floats:
    """Decay (n, 4) parents into two bodies isotropically; return (n, 4) momenta of the first, in the parents' frame."""
    n = len(parent)
    momentum = two_body_momentum(mass, m1, m2)
    body = np.empty((n, 4))
    body[:, :3] = direction(rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)) * momentum[:, np.newaxis]
    body[:, 3] = np.sqrt(momentum**2 + np.asarray(m1) ** 2)
    return boost_from_rest(body, parent, mass)


def flight(parent: Floats, mass: Floats | float, lifetime: Floats | float, rng: np.random.Generator) -> Floats:
    """Draw (n, 3) vectors in mm from production to decay of (n, 4) parents with this cτ in mm."""
    proper = rng.exponential(1.0, len(parent)) * lifetime / mass
    return np.asarray(parent[:, :3] * proper[:, np.newaxis])


def impact(vertex: Floats, eta: Floats, phi: Floats) -> tuple[Floats, Floats]:
    """Return d0 and z0 in mm of straight tracks from (n, 3) vertices, about the z axis.

    d0 has the sign of ATLAS's perigee.
    """
    cosine, sine = np.cos(phi), np.sin(phi)
    d0 = vertex[:, 1] * cosine - vertex[:, 0] * sine
    z0 = vertex[:, 2] - (vertex[:, 0] * cosine + vertex[:, 1] * sine) * np.sinh(eta)
    return d0, z0


def charges(n: int, rng: np.random.Generator) -> Floats:
    """Draw +1 or −1 with equal probability."""
    return np.where(rng.random(n) < 0.5, 1.0, -1.0)
