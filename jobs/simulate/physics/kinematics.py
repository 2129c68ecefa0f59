"""Compute with four-vectors of many bodies at once: (n, bodies, 4) arrays of px, py, pz, E in GeV."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def two_body_momentum(mass: Floats, m1: Floats | float, m2: Floats | float) -> Floats:
    """Return the momentum of two bodies from a mass at rest; 0 below threshold."""
    squared = (mass**2 - (m1 + m2) ** 2) * (mass**2 - (m1 - m2) ** 2)
    return np.asarray(np.sqrt(np.maximum(squared, 0)) / (2 * mass))


def boost_along_z(momenta: Floats, gamma: Floats, gamma_beta: Floats) -> Floats:
    """Boost momenta (n, bodies, 4) along z by (n,) γ and γβ."""
    boosted = momenta.copy()
    gamma, gamma_beta = gamma[:, np.newaxis], gamma_beta[:, np.newaxis]
    boosted[..., 2] = gamma * momenta[..., 2] + gamma_beta * momenta[..., 3]
    boosted[..., 3] = gamma * momenta[..., 3] + gamma_beta * momenta[..., 2]
    return boosted


def four_vectors(momentum: Floats, mass: float) -> Floats:
    """Return (n, 4) momenta from (n, 3) momenta and one mass."""
    energy = np.sqrt((momentum**2).sum(axis=1) + mass**2)
    return np.column_stack([momentum, energy])


def direction(cosine: Floats, phi: Floats) -> Floats:
    """Return unit vectors (n, 3) from cos θ and φ."""
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)


def turn(momenta: Floats, rng: np.random.Generator, cosine: Floats | None = None) -> Floats:
    """Turn each (bodies, 4) block: its z axis to cos θ, by default a random one, at random azimuths about both axes."""
    shape = (len(momenta), 1)
    towards = rng.uniform(-1, 1, shape) if cosine is None else cosine[:, np.newaxis]
    sine = np.sqrt(1 - towards**2)
    about_old, about_new = rng.uniform(0, 2 * np.pi, shape), rng.uniform(0, 2 * np.pi, shape)
    x, y = _rotate(momenta[..., 0], momenta[..., 1], np.cos(about_old), np.sin(about_old))
    z, x = _rotate(momenta[..., 2], x, towards, sine)
    turned = np.empty_like(momenta)
    turned[..., 0], turned[..., 1] = _rotate(x, y, np.cos(about_new), np.sin(about_new))
    turned[..., 2] = z
    turned[..., 3] = momenta[..., 3]
    return turned


def _rotate(first: Floats, second: Floats, cosine: Floats, sine: Floats) -> tuple[Floats, Floats]:
    return cosine * first - sine * second, sine * first + cosine * second


def boost_from_rest(momenta: Floats, parent: Floats, mass: Floats | float) -> Floats:
    """Boost (n, 4) momenta from the rest frame of (n, 4) parents of this mass to the frame of the parents' momenta."""
    energy = momenta[:, 3]
    along = (momenta[:, :3] * parent[:, :3]).sum(axis=1)
    seen = (energy * parent[:, 3] + along) / mass
    factor = (energy + seen) / (parent[:, 3] + mass)
    boosted = np.empty_like(momenta)
    boosted[:, :3] = momenta[:, :3] + factor[:, np.newaxis] * parent[:, :3]
    boosted[:, 3] = seen
    return boosted


def around(axis: Floats, cosine: Floats, azimuth: Floats) -> Floats:
    """Return unit vectors (n, 3) at an angle, given by its cosine, and an azimuth about unit vectors (n, 3)."""
    x, y, z = axis[:, 0], axis[:, 1], axis[:, 2]
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    across = np.sqrt(np.maximum(x**2 + y**2, 1e-24))
    first, second = sine * np.cos(azimuth) / across, sine * np.sin(azimuth) / across
    turned = np.empty_like(axis)
    turned[:, 0] = cosine * x + first * x * z - second * y
    turned[:, 1] = cosine * y + first * y * z + second * x
    turned[:, 2] = cosine * z - first * across**2
    return turned


def massive(pt: Floats, eta_or_y: Floats, phi: Floats, mass: Floats | float, rapidity: bool = False) -> Floats:
    """Return (n, 4) momenta from pT, φ, a mass, and pseudorapidity or rapidity."""
    momenta = np.empty((len(pt), 4))
    momenta[:, 0], momenta[:, 1] = pt * np.cos(phi), pt * np.sin(phi)
    across = np.sqrt(pt**2 + mass**2)
    momenta[:, 2] = (across if rapidity else pt) * np.sinh(eta_or_y)
    momenta[:, 3] = np.sqrt(across**2 + momenta[:, 2] ** 2)
    return momenta


def cylindrical(momenta: Floats) -> tuple[Floats, Floats, Floats]:
    """Return pT, η and φ of (n, 4) momenta."""
    pt = np.hypot(momenta[:, 0], momenta[:, 1])
    return pt, np.arcsinh(momenta[:, 2] / np.maximum(pt, 1e-9)), np.arctan2(momenta[:, 1], momenta[:, 0])


def separation(eta: Floats, phi: Floats, other_eta: Floats, other_phi: Floats) -> Floats:
    """Return ΔR, broadcast over the arguments."""
    turn_between = np.abs(phi - other_phi) % (2 * np.pi)
    return np.hypot(eta - other_eta, np.minimum(turn_between, 2 * np.pi - turn_between))
