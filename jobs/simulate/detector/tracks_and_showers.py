"""Parametrise a detector: tracks, and hadronic and electromagnetic showers with their cluster moments.

Track efficiency and resolution and the stochastic terms of the calorimeters are those of the published Delphes ATLAS
cards. On top of them a hadronic shower has causes of its own: the depth at which it starts and the fraction of its
energy that goes into neutral pions. Its visible energy, its position along the shower axis, its density and how
electromagnetic it looks all follow from these two. GeV and mm throughout.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Response of the calorimeters to the hadronic part of a shower over that to its electromagnetic part.
H_OVER_E: Final = 0.50
#: Mean free path before a hadronic shower starts, thickness of the electromagnetic and of all calorimeters, and the gap
#: (cryostat, coil) between the electromagnetic and the hadronic ones, which nothing interacts in.
INTERACTION_LENGTH: Final = 250.0
EM_DEPTH: Final = 450.0
TOTAL_DEPTH: Final = 2400.0
GAP: Final = 770.0
#: log10 of density over energy of a typical hadronic cluster, 1/mm³; electromagnetic ones are ten times as dense.
LOG_DENSITY: Final = -7.35


@dataclass(frozen=True)
class Showers:
    """Calorimeter response to particles; every array has the shape of the input energies.

    - em_scale: visible energy at the electromagnetic scale, GeV.
    - em_layer: the part of it in the electromagnetic calorimeter, GeV.
    - centre: distance of the shower's centre from the calorimeter front, mm.
    - second_lambda: second moment along the shower axis, mm².
    - log_density: log10 of cluster density over cluster energy, 1/mm³ as in ATLAS (FIRST_ENG_DENS over ΣE).
    - em_probability: how electromagnetic the shower looks, 0–1.
    - presampler: fraction of the energy that is seen in the presampler.
    """

    em_scale: Floats
    em_layer: Floats
    centre: Floats
    second_lambda: Floats
    log_density: Floats
    em_probability: Floats
    presampler: Floats


def track_efficiency(pt: Floats, eta: Floats) -> Floats:
    """Return the efficiency of hadron tracks by pT [GeV] and η (Delphes ATLAS card)."""
    central = np.abs(eta) < 1.5
    soft = pt < 1.0
    return np.where(soft, np.where(central, 0.70, 0.60), np.where(central, 0.95, 0.85))


def track_momentum(pt: Floats, eta: Floats, rng: np.random.Generator) -> Floats:
    """Draw the reconstructed pT [GeV] of hadron tracks: 1/pT is smeared by a ⊕ b·pT (Delphes ATLAS card)."""
    region = np.digitize(np.abs(eta), [0.5, 1.5])
    constant = np.array([0.06, 0.10, 0.25])[region]
    slope = np.array([1.3e-3, 1.7e-3, 3.1e-3])[region]
    relative = np.hypot(constant, slope * pt)
    return np.asarray(pt / np.maximum(np.abs(1 + relative * rng.standard_normal(pt.shape)), 0.05))


def upstream_material(eta: Floats) -> Floats:
    """Return the material before the calorimeter, relative to η = 0; it peaks at the barrel–endcap crack."""
    crack = np.exp(-0.5 * ((np.abs(eta) - 1.47) / 0.09) ** 2)
    return np.asarray(1 + 0.35 * np.abs(eta) + 1.6 * crack)


def hadronic_showers(energy: Floats, eta: Floats, rng: np.random.Generator) -> Showers:
    """Draw showers of charged pions; entries of zero energy stay at zero energy."""
    shape = energy.shape
    e = np.maximum(energy, 0.2)
    log_e = np.log(e)
    start = rng.exponential(INTERACTION_LENGTH, shape)
    # Wigmans: the electromagnetic fraction grows as 1 − E^(k−1), its fluctuation shrinks with the number of π⁰.
    mean_fraction = np.clip(1 - np.maximum(e, 1.5) ** (0.82 - 1), 0.05, 0.75)
    concentration = 3.5 + 1.2 * log_e.clip(0)
    em_fraction = rng.beta(mean_fraction * concentration, (1 - mean_fraction) * concentration)
    length = (100 + 35 * log_e.clip(0)) * (1.25 - 0.6 * em_fraction) * rng.lognormal(0, 0.25, shape)
    depth = start + length
    leaked = 1 / (1 + np.exp((TOTAL_DEPTH - depth) / 220))
    behind = 1 / (1 + np.exp((EM_DEPTH - depth) / 80))
    noise = np.sqrt(0.36**2 / e + (0.6 / e) ** 2 + 0.03**2) * rng.standard_normal(shape)
    visible = (em_fraction + (1 - em_fraction) * H_OVER_E) * (1 - leaked)
    dead = 0.03 * upstream_material(eta) * rng.exponential(1.0, shape)
    em_scale = energy * np.maximum(visible * (1 - dead.clip(0, 0.6)) + 0.8 * noise, 0.02)
    centre = depth + GAP * behind
    # Spread along the axis: the length of the shower (few secondaries: a long tail), and the gap if it straddles it.
    straddling = 4 * behind * (1 - behind)
    second_lambda = length**2 * rng.lognormal(0, 1.0, shape) + (0.3 * GAP) ** 2 * straddling
    log_density = LOG_DENSITY + 1.3 * (em_fraction - 0.35) - 0.12 * start / INTERACTION_LENGTH
    log_density = log_density + 0.32 * rng.standard_normal(shape)
    looks = -4.4 + 7.0 * (em_fraction - 0.4) - 1.6 * (start / INTERACTION_LENGTH - 0.6)
    em_probability = 1 / (1 + np.exp(-looks - 1.3 * rng.standard_normal(shape)))
    early = np.where(start < 30, 0.09, 0.012)
    presampler = early * upstream_material(eta) * rng.gamma(0.8, 1 / 0.8, shape)
    return Showers(
        em_scale, em_scale * (1 - behind), centre, second_lambda, log_density, em_probability, presampler.clip(0, 0.6)
    )


def electromagnetic_showers(energy: Floats, eta: Floats, rng: np.random.Generator) -> Showers:
    """Draw showers of neutral pions (two overlapping photons); entries of zero energy stay at zero energy."""
    shape = energy.shape
    e = np.maximum(energy, 0.2)
    material = upstream_material(eta)
    presampler = (0.037 * material * (8 / (e + 4)) ** 0.25 * rng.gamma(0.8, 1 / 0.8, shape)).clip(0, 0.8)
    lost = 0.55 * presampler * rng.uniform(0.5, 1.5, shape)
    noise = np.sqrt(0.0017**2 + 0.101**2 / e + (0.25 / e) ** 2) * rng.standard_normal(shape)
    em_scale = energy * np.maximum(1 - lost + noise, 0.02)
    centre = 120 + 22 * np.log(e).clip(0) + 45 * rng.standard_normal(shape)
    second_lambda = 6.5e3 * rng.lognormal(0, 0.5, shape)
    log_density = LOG_DENSITY + 1 + 0.32 * rng.standard_normal(shape)
    em_probability = 1 / (1 + np.exp(-2.2 - 2.0 * rng.standard_normal(shape)))
    return Showers(em_scale, em_scale, centre.clip(20), second_lambda, log_density, em_probability, presampler)


def local_calibration(showers: Showers) -> Floats:
    """Return the energy after local hadronic calibration, GeV: weights by how electromagnetic and dense a shower looks.

    The classification errs, and so does the calibration: what looks electromagnetic is not corrected.
    """
    density = np.clip(showers.log_density - LOG_DENSITY, -1.0, 1.0)
    hadronic_weight = 1 / (0.60 + 0.25 * density)
    weight = showers.em_probability + (1 - showers.em_probability) * hadronic_weight
    return np.asarray(showers.em_scale * weight)
