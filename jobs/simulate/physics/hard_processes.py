"""Draw spectra that hard processes share: bosons with their transverse momenta, and the jets they recoil against."""

from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.muon_candidates import BOTTOM, CHARM, LIGHT, NO_JET, HardJets
from lineshape.jobs.simulate.physics.true_muons import Ints

#: Masses and widths, GeV (PDG 2024).
W_MASS: Final = 80.37
W_WIDTH: Final = 2.085
Z_MASS: Final = 91.19
Z_WIDTH: Final = 2.495
#: Lowest pT of a parton that makes a jet of its own, GeV.
SOFTEST_JET: Final = 10.0


def burr(n: int, scale: float, rise: float, fall: float, rng: np.random.Generator) -> Floats:
    """Draw values that exceed x with probability (1 + (x/scale)^rise)^−fall."""
    return np.asarray(scale * (rng.random(n) ** (-1 / fall) - 1) ** (1 / rise))


def boson_pt(n: int, rng: np.random.Generator) -> Floats:
    """Draw transverse momenta of W and Z at 13 TeV, GeV: a form set by hand to Pythia 8.317's quantiles."""
    return burr(n, 37.0, 1.25, 3.0, rng)


def boson_rapidity(n: int, reach: float, rng: np.random.Generator) -> Floats:
    """Draw rapidities of a plateau with soft edges out to ±reach."""
    return np.asarray(rng.uniform(-reach, reach, n) + rng.normal(0, 0.7, n))


def breit_wigner(n: int, mass: float, width: float, rng: np.random.Generator) -> Floats:
    """Draw masses in GeV, within 15 widths."""
    limit = np.arctan(30.0)
    return np.asarray(mass + 0.5 * width * np.tan(rng.uniform(-limit, limit, n)))


def recoil_jets(
    pt: Floats, y: Floats, phi: Floats, shares: tuple[float, float], slots: int, rng: np.random.Generator
) -> HardJets:
    """Draw jets beside bosons of (n,) pT, rapidity and φ: the first balances the boson, the others are softer.

    The others have any direction in φ. shares: of bottom and charm jets.
    """
    shape = (len(pt), slots)
    jet_pt = burr(pt.size * slots, 11.0, 1.6, 1.7, rng).reshape(shape)
    eta = y[:, np.newaxis] + rng.normal(0, 1.6, shape)
    jet_phi = rng.uniform(-np.pi, np.pi, shape)
    jet_pt[:, 0] = pt * rng.uniform(0.6, 1.0, len(pt))
    jet_phi[:, 0] = (phi + rng.normal(0, 0.3, len(pt))) % (2 * np.pi) - np.pi
    return HardJets(jet_pt, eta, jet_phi, np.where(jet_pt > SOFTEST_JET, flavours(shape, shares, rng), NO_JET))


def flavours(shape: tuple[int, ...], shares: tuple[float, float], rng: np.random.Generator) -> Ints:
    """Draw BOTTOM, CHARM and LIGHT with these shares of the first two."""
    drawn = rng.random(shape)
    return np.where(drawn < shares[0], BOTTOM, np.where(drawn < shares[0] + shares[1], CHARM, LIGHT))
