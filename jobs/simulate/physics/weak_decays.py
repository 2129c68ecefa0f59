"""Decay quarks weakly: Q → q W, W → f f̄ with the W's helicities; top, bottom and charm alike.

At fixed q² (the mass of the W, squared) a share M²/(M² + 2q²) of the W is longitudinal, with sin²θ; the rest is
left-handed, with (1 − cos θ)², for V−A and a light q. θ is between the W's flight and the fermion that the weak isospin
of Q picks: the charged lepton for t and c, the neutrino for b. The lepton spectra are 12x²(1 − x) and 2x²(3 − 2x).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats, around, boost_from_rest, direction, two_body_momentum


@dataclass(frozen=True)
class Decay:
    """Momenta (n, 4) of the products, GeV.

    lepton: the charged lepton or down-type quark. neutrino: the neutrino or up-type quark. rest: all else.
    """

    lepton: Floats
    neutrino: Floats
    rest: Floats


def weak_decay(
    parent: Floats, mass: Floats | float, rest: Floats | float, boson: Floats, up_type: bool, rng: np.random.Generator
) -> Decay:
    """Decay (n, 4) parents of this mass into a rest and a W, of masses in GeV; all in the parents' frame.

    up_type: whether the parent is up-type (t, c), or down-type (b).
    """
    n = len(parent)
    momentum = two_body_momentum(np.asarray(mass, dtype=np.float64), rest, boson)
    flight = direction(rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n))
    longitudinal = rng.random(n) < mass**2 / (mass**2 + 2 * boson**2)
    random = rng.random(n)
    # sin²θ is inverted in closed form; (1 − cos θ)² is a cube root.
    cosine = np.where(longitudinal, 2 * np.sin(np.arcsin(2 * random - 1) / 3), 1 - 2 * np.cbrt(random))
    along = around(flight, cosine if up_type else -cosine, rng.uniform(0, 2 * np.pi, n))
    at_rest = np.empty((n, 4))
    at_rest[:, :3], at_rest[:, 3] = along * (boson / 2)[:, np.newaxis], boson / 2
    w = np.empty((n, 4))
    w[:, :3], w[:, 3] = flight * momentum[:, np.newaxis], np.sqrt(momentum**2 + boson**2)
    lepton = boost_from_rest(boost_from_rest(at_rest, w, boson), parent, mass)
    w = boost_from_rest(w, parent, mass)
    return Decay(lepton, w - lepton, parent - w)


def boson_masses(mass: float, rest: float, n: int, rng: np.random.Generator) -> Floats:
    """Draw √q² of n semileptonic decays of a hadron of this mass into one of mass `rest`, GeV."""
    return np.asarray(np.interp(rng.random(n), *_spectrum(mass, rest)))


@lru_cache
def _spectrum(mass: float, rest: float) -> tuple[Floats, Floats]:
    """Return the cumulative spectrum of q, from the V−A rate (1 − q²/M²)²(1 + 2q²/M²).

    One of the two powers of 1 − q²/M² is replaced by the momentum of a massive rest.
    """
    q = np.linspace(0.12, mass - rest, 400)
    ratio = q**2 / mass**2
    density = 2 * q * two_body_momentum(np.full_like(q, mass), rest, q) * (1 - ratio) * (1 + 2 * ratio)
    total = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(q))])
    return total / total[-1], q
