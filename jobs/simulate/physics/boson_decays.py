"""Decay W and Z to two leptons in flight, with the angles that their couplings give."""

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats, boost_from_rest, direction


def lepton_of_w(w: Floats, y: Floats, mass: Floats, charge: Floats, rng: np.random.Generator) -> Floats:
    """Return momenta (n, 4) of the charged leptons of W bosons of (n, 4) momenta, (n,) rapidity, mass and charge.

    V−A: the lepton goes with the quark, (1 ± cos θ)²; the quark of a W is more often the faster parton.
    """
    n = len(w)
    # The lepton of a W⁻ follows the quark, that of a W⁺ the antiquark; the W's own flight predicts which goes where.
    forward = np.sign(y) * np.where(rng.random(n) < 0.5 + 0.12 * np.abs(y).clip(0, 3), 1.0, -1.0)
    cosine = -charge * forward * (2 * np.cbrt(rng.random(n)) - 1)
    return _decayed(w, mass, cosine, rng)


def pair_of_z(z: Floats, mass: Floats, rng: np.random.Generator) -> Floats:
    """Return momenta (n, 2, 4) of the negative and the positive lepton of Z bosons, with angles as 1 + cos²θ."""
    # The cube root of a flat number has c²: mixed 1 to 3 with a flat one it gives 1 + c².
    drawn = rng.uniform(-1, 1, (len(z), 2))
    squared = np.cbrt(drawn[:, 0])
    cosine = np.where(rng.random(len(z)) < 0.25, squared, drawn[:, 1])
    negative = _decayed(z, mass, cosine, rng)
    return np.stack([negative, z - negative], axis=1)


def _decayed(boson: Floats, mass: Floats, cosine: Floats, rng: np.random.Generator) -> Floats:
    """Return one of two massless bodies, at an angle to the beam in the boson's rest frame."""
    lepton = np.empty((len(boson), 4))
    lepton[:, :3] = direction(cosine, rng.uniform(0, 2 * np.pi, len(boson))) * (mass / 2)[:, np.newaxis]
    lepton[:, 3] = mass / 2
    return boost_from_rest(lepton, boson, mass)
