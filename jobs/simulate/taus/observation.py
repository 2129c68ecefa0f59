"""Simulate what the detector measures of tau decays: tracks, showers with their moments, and pile-up in the cone."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.detector import tracks_and_showers as detector

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Tracks of taus have at least this pT, GeV.
TRACK_PT: Final = 1.0


@dataclass(frozen=True)
class Truth:
    """True taus: momenta (n, 6, 4) in the lab in GeV (three charged, three neutral slots), mode, pT, η and φ."""

    momenta: Floats
    mode: NDArray[np.int8]
    pt: Floats
    eta: Floats
    phi: Floats


@dataclass(frozen=True)
class PileUpDensity:
    """Interactions per crossing, reconstructed pile-up vertices and median pT density [GeV], per tau."""

    mu: Floats
    vertices: Floats
    density: Floats


@dataclass(frozen=True)
class Parts:
    """Summands of an Observed: arrays of shape (n, parts), energies as pT in GeV.

    track_pt: of the three charged pions, 0 where no track was found. extra_pt: (n,) of each of the tracks beside them.
    debris: (n,) presampler fraction that a nuclear interaction before the calorimeter adds to all. calibrated,
    em_scale, and the moments of showers: of three charged and three neutral pions, and of pile-up.
    """

    track_pt: Floats
    extra_pt: Floats
    calibrated: Floats
    em_scale: Floats
    em_layer: Floats
    centre: Floats
    log_density: Floats
    second_lambda: Floats
    presampler: Floats
    em_probability: Floats
    debris: Floats


@dataclass(frozen=True)
class Observed:
    """Measured quantities of a tau before its own calibration; shape (n,) each, energies as pT in GeV.

    calo_pt holds locally calibrated energies, calo_em_pt those at the electromagnetic scale.
    """

    tracks: Ints
    charged_pt: Floats
    neutral_pt: Floats
    neutral_count: Ints
    calo_pt: Floats
    calo_em_pt: Floats
    eta: Floats
    phi: Floats
    centre: Floats
    log_density: Floats
    second_lambda: Floats
    presampler: Floats
    em_probability: Floats
    parts: Parts


def observe(truth: Truth, pile_up: PileUpDensity, rng: np.random.Generator) -> Observed:
    """Simulate the detector's measurement of the taus."""
    n = len(truth.pt)
    energy = truth.momenta[..., 3]
    pt = np.hypot(truth.momenta[..., 0], truth.momenta[..., 1])
    eta = np.arctanh(np.clip(truth.momenta[..., 2] / np.maximum(energy, 1e-9), -0.99999, 0.99999))
    tau_eta = truth.eta[:, np.newaxis]
    collected = _collected(truth, rng)
    # A nuclear interaction before the calorimeter leaves a fragment of the tau; the presampler sees debris of the rest.
    interacted = rng.random(n) < 0.0095 * detector.upstream_material(truth.eta)
    fragment = np.where(interacted, 10 ** rng.uniform(-1.5, -0.3, n), 1.0)
    debris = 0.3 * (1 - fragment) * rng.lognormal(0, 0.2, n)

    track_pt, extra, extra_pt = _tracks(pt[:, :3] * fragment[:, np.newaxis], eta[:, :3], truth, rng)
    hadrons = detector.hadronic_showers(energy[:, :3], np.broadcast_to(tau_eta, (n, 3)), rng)
    photons = detector.electromagnetic_showers(energy[:, 3:], np.broadcast_to(tau_eta, (n, 3)), rng)
    to_pt = 1 / np.cosh(truth.eta)

    showers = {name: np.concatenate([getattr(hadrons, name), getattr(photons, name)], axis=1) for name in vars(hadrons)}
    calibrated = detector.local_calibration(detector.Showers(**showers)) * (energy > 0)
    scale = (collected * fragment)[:, np.newaxis] * to_pt[:, np.newaxis]
    em_scale, em_layer = (showers[name] * (energy > 0) * scale for name in ("em_scale", "em_layer"))
    pile_up_pt, pile_up_em = _pile_up_energy(pile_up, truth.eta, rng)

    def with_pile_up(name: str, of_pile_up: Floats) -> Floats:
        return np.column_stack([showers[name], of_pile_up])

    log_density = with_pile_up("log_density", rng.normal(-7.0, 0.35, n))
    neutral_pt, neutral_count = _neutral_pions(hadrons, photons, pt, collected * fragment, to_pt, pile_up, rng)
    eta_seen, phi_seen = (angle + 0.004 * rng.standard_normal(n) for angle in (truth.eta, truth.phi))
    parts = Parts(
        track_pt=track_pt,
        extra_pt=extra_pt / np.maximum(extra, 1),
        calibrated=np.column_stack([calibrated * scale, pile_up_pt]),
        em_scale=np.column_stack([em_scale, pile_up_em]),
        em_layer=np.column_stack([em_layer, pile_up_em]),
        centre=with_pile_up("centre", rng.uniform(80, 350, n)),
        log_density=log_density,
        second_lambda=with_pile_up("second_lambda", rng.exponential(2.5e4, n)),
        presampler=with_pile_up("presampler", rng.beta(1, 12, n)),
        em_probability=with_pile_up("em_probability", rng.beta(1.5, 2.5, n)),
        debris=debris,
    )
    total = parts.calibrated.sum(axis=1)

    def mean(values: Floats) -> Floats:
        return np.asarray((values * parts.calibrated).sum(axis=1) / total)

    return Observed(
        tracks=(track_pt > 0).sum(axis=1) + extra,
        charged_pt=track_pt.sum(axis=1) + extra_pt,
        neutral_pt=neutral_pt,
        neutral_count=neutral_count,
        calo_pt=total,
        calo_em_pt=em_scale.sum(axis=1) + pile_up_em,
        eta=eta_seen,
        phi=phi_seen,
        centre=mean(parts.centre),
        log_density=mean_density(parts.log_density, parts.calibrated),
        second_lambda=mean(parts.second_lambda),
        presampler=(mean(parts.presampler) + debris).clip(0, 1),
        em_probability=mean(parts.em_probability).clip(0, 1),
        parts=parts,
    )


def mean_density(log_density: Floats, weights: Floats) -> Floats:
    """Return log10 of the energy-weighted mean density over ΣE (each cluster's density scales with its own energy)."""
    share = weights / weights.sum(axis=1)[:, np.newaxis]
    return np.asarray(np.log10((share**2 * 10**log_density).sum(axis=1)))


def _collected(truth: Truth, rng: np.random.Generator) -> Floats:
    """Draw the fraction of the energy in clusters within the cone; dead regions and the crack lose most of it."""
    n = len(truth.pt)
    crack = np.exp(-0.5 * ((np.abs(truth.eta) - 1.47) / 0.08) ** 2)
    lost = rng.random(n) < 0.002 + 0.03 * crack
    wide = np.exp(-truth.pt / 25)
    usual = 1 - (0.04 + 0.06 * wide) * rng.gamma(2.0, 0.5, n)
    return np.where(lost, rng.beta(1.0, 1.6, n), usual).clip(0.03, 1.0)


def _tracks(pt: Floats, eta: Floats, truth: Truth, rng: np.random.Generator) -> tuple[Floats, Ints, Floats]:
    """Draw tracks of the pions (n, 3), 0 where none was found, and number and summed pT of those beside them.

    Inefficiency, merging in the core of hard taus, and fakes from conversions are simulated.
    """
    n = len(truth.pt)
    merging = 0.06 * np.clip(truth.pt / 1000, 0, 2)[:, np.newaxis]
    prongs = (pt > 0).sum(axis=1)
    efficiency = detector.track_efficiency(pt, eta) + 0.03
    found = (pt > TRACK_PT) & (rng.random(pt.shape) < efficiency - merging * (prongs == 3)[:, np.newaxis])
    measured = detector.track_momentum(np.maximum(pt, 1e-3), eta, rng) * found
    neutrals = np.array([0, 1, 2, 0, 1])[truth.mode]
    extra = rng.poisson(0.012 + 0.035 * neutrals) * (rng.random(n) < 0.9)
    extra_pt = extra * (1 + rng.exponential(0.06, n) * truth.pt).clip(0, 60)
    return measured, extra, extra_pt


def _pile_up_energy(pile_up: PileUpDensity, eta: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw the pT of pile-up clusters in the cone, at the calibrated and at the electromagnetic scale, GeV."""
    mean = 0.12 * pile_up.density * (1 + 0.12 * np.abs(eta))
    calibrated = rng.exponential(mean)
    return calibrated, calibrated * rng.uniform(0.55, 0.9, len(eta))


def _neutral_pions(
    hadrons: detector.Showers,
    photons: detector.Showers,
    pt: Floats,
    scale: Floats,
    to_pt: Floats,
    pile_up: PileUpDensity,
    rng: np.random.Generator,
) -> tuple[Floats, Ints]:
    """Return pT and number of particle flow's selected neutral pions.

    Their energy is electromagnetic energy less what the hadrons are expected to leave.
    """
    n = len(scale)
    real = (pt[:, 3:] > 0) * photons.em_scale * (scale * to_pt)[:, np.newaxis]
    kept = real * (rng.random(real.shape) < 1 / (1 + np.exp(-(real - 2.6) / 0.7)))
    remnant = (pt[:, :3] > 0) * hadrons.em_layer * (scale * to_pt)[:, np.newaxis]
    expected = 0.32 * pt[:, :3]
    leftover = (remnant - expected).sum(axis=1)
    soft = 0.02 * pile_up.density * rng.exponential(1.0, n)
    fake = leftover.clip(0) * (rng.random(n) < 0.45)
    seeds = kept.sum(axis=1) > 0
    neutral = kept.sum(axis=1) + np.where(seeds, 0.5 * leftover + soft, fake * (fake > 2.5))
    neutral = neutral.clip(0)
    count = np.where(seeds, (kept > 0).sum(axis=1), (fake > 2.5).astype(int))
    merged = (count == 2) & (rng.random(n) < 0.25)
    split = (count == 1) & (rng.random(n) < 0.10)
    return neutral, count - merged + split
