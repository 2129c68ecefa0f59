"""Draw hadronic decays of a tau lepton in its rest frame, its helicity axis along z.

Five reconstructed decay modes stand for seven exclusive channels. Masses of the hadronic system follow the
Kühn–Santamaria form factors (Z. Phys. C 48 (1990) 445): ρ and ρ' for two pions, a1 → ρπ for three. Four and five pions
are phase space around a measured mass. Kaons are counted as pions of the same charge, neutral kaons are left out.

The orientation of the pions follows the V−A matrix element summed over the spin of the tau: in the rest frame of the
hadrons, with the tau along n, the weight is |J|² + (m_τ²/Q² − 1) |n·J|² for a hadronic current J. The polarisation of
the tau then tilts the hadrons against its spin: 1 ± P cos θ for a longitudinal (+) or transverse (−) hadronic system.
The interference of the two, which averages out over the azimuth, is left out.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.kinematics import (
    Floats,
    boost_along_z,
    direction,
    four_vectors,
    turn,
    two_body_momentum,
)

TAU_MASS: Final = 1.77693
CHARGED_PION_MASS: Final = 0.13957
NEUTRAL_PION_MASS: Final = 0.13498
#: Mean polarisation of taus from γ*/Z, as the mean visible energy fraction of τ → πν in Pythia 8.317 gives it.
POLARISATION: Final = -0.30
CHARGED_SLOTS: Final = 3
NEUTRAL_SLOTS: Final = 3


@dataclass(frozen=True)
class Channel:
    """An exclusive decay channel and its share of hadronic decays (Pythia 8.317, kaons counted as pions)."""

    name: str
    charged: int
    neutral: int
    fraction: float

    @property
    def mode(self) -> int:
        """Decay mode: 0 1p0n, 1 1p1n, 2 1pXn, 3 3p0n, 4 3pXn."""
        return min(self.neutral, 2) if self.charged == 1 else 3 + min(self.neutral, 1)


CHANNELS: Final = (
    Channel("pi", 1, 0, 0.1975),
    Channel("pi pi0", 1, 1, 0.4150),
    Channel("pi 2pi0", 1, 2, 0.1430),
    Channel("pi 3pi0", 1, 3, 0.0175),
    Channel("3pi", 3, 0, 0.1500),
    Channel("3pi pi0", 3, 1, 0.0697),
    Channel("3pi 2pi0", 3, 2, 0.0073),
)
#: Shares of the five decay modes.
MODE_FRACTIONS: Final = np.bincount([c.mode for c in CHANNELS], weights=[c.fraction for c in CHANNELS])


@dataclass(frozen=True)
class Decays:
    """Visible decay products of n taus in the tau rest frame; an empty slot has zero energy.

    mode: (n,) int8, 0–4.
    momenta: (n, 6, 4), GeV: px, py, pz, E. Slots 0–2 hold charged pions, 3–5 neutral pions.
    """

    mode: NDArray[np.int8]
    momenta: Floats


def visible_decays(n: int, rng: np.random.Generator) -> Decays:
    """Draw n decays."""
    fractions = np.array([channel.fraction for channel in CHANNELS])
    drawn = rng.choice(len(CHANNELS), size=n, p=fractions / fractions.sum())
    mode = np.array([channel.mode for channel in CHANNELS], dtype=np.int8)[drawn]
    momenta = np.zeros((n, CHARGED_SLOTS + NEUTRAL_SLOTS, 4))
    for index, channel in enumerate(CHANNELS):
        rows = np.flatnonzero(drawn == index)
        if len(rows):
            slots = [*range(channel.charged), *range(CHARGED_SLOTS, CHARGED_SLOTS + channel.neutral)]
            momenta[np.ix_(rows, slots)] = _channel_momenta(channel, len(rows), rng)
    return Decays(mode, momenta)


def _channel_momenta(channel: Channel, n: int, rng: np.random.Generator) -> Floats:
    """Draw momenta (n, pions, 4) of a channel, the charged pions first."""
    masses = np.array([CHARGED_PION_MASS] * channel.charged + [NEUTRAL_PION_MASS] * channel.neutral)
    pions = channel.charged + channel.neutral
    if pions == 1:
        momentum = (TAU_MASS**2 - masses[0] ** 2) / (2 * TAU_MASS)
        along_z = np.column_stack([np.zeros((n, 2)), np.full(n, momentum)])
        return _tilt(four_vectors(along_z, masses[0])[:, np.newaxis], np.ones(n), rng)
    helicity = np.zeros(n)
    if pions == 2:
        mass = _draw_mass(_rho_spectrum(), n, rng)
        pions_at_rest, helicity = _two_pions(mass, masses, rng)
    elif pions == 3:
        mass = _draw_mass(_a1_spectrum(), n, rng)
        # The pion that is unlike the two others comes last in the current: π⁺ of 3π, π⁻ of π2π⁰.
        order = [1, 2, 0] if channel.neutral else [0, 1, 2]
        pions_at_rest = np.empty((n, 3, 4))
        pions_at_rest[:, order], helicity = _three_pions(mass, masses[order], rng)
    else:
        mass = _draw_mass(_continuum_spectrum(pions), n, rng)
        pions_at_rest = _phase_space(mass, masses, rng)
    # n·J was taken along z: give the hadrons their recoil along z, then tilt everything away from the spin of the tau.
    momentum = (TAU_MASS**2 - mass**2) / (2 * TAU_MASS)
    energy = np.sqrt(momentum**2 + mass**2)
    return _tilt(boost_along_z(pions_at_rest, energy / mass, momentum / mass), helicity, rng)


# --- mass spectra ---------------------------------------------------------------------------------------------------


def _weak_phase_space(q2: Floats) -> Floats:
    return np.asarray((1 - q2 / TAU_MASS**2) ** 2 * (1 + 2 * q2 / TAU_MASS**2))


def _rho_propagator(s: Floats, mass: float, width: float) -> NDArray[np.complex128]:
    """Return a P-wave Breit–Wigner amplitude with a running width."""
    threshold = 4 * CHARGED_PION_MASS**2
    momentum = np.sqrt(np.maximum(s - threshold, 0) / (mass**2 - threshold))
    running = width * mass**2 / s * momentum**3
    return np.asarray(mass**2 / (mass**2 - s - 1j * np.sqrt(s) * running))


def _pion_form_factor(s: Floats) -> NDArray[np.complex128]:
    beta = -0.145
    return (_rho_propagator(s, 0.773, 0.145) + beta * _rho_propagator(s, 1.370, 0.510)) / (1 + beta)


@lru_cache
def _rho_spectrum() -> tuple[Floats, Floats]:
    mass = np.linspace(CHARGED_PION_MASS + NEUTRAL_PION_MASS + 1e-4, TAU_MASS - 1e-4, 4000)
    q2 = mass**2
    velocity = np.sqrt(np.maximum(1 - 4 * CHARGED_PION_MASS**2 / q2, 0))
    return _cumulative(mass, 2 * mass * _weak_phase_space(q2) * velocity**3 * np.abs(_pion_form_factor(q2)) ** 2)


def _three_pion_phase_space(q2: Floats) -> Floats:
    """Return Kühn and Santamaria's g(Q²), the a1 → ρπ phase space."""
    above = np.maximum(q2 - 9 * CHARGED_PION_MASS**2, 0)
    low = 4.1 * above**3 * (1 - 3.3 * above + 5.8 * above**2)
    high = q2 * (1.623 + 10.38 / q2 - 9.32 / q2**2 + 0.65 / q2**3)
    return np.where(q2 < (0.773 + CHARGED_PION_MASS) ** 2, low, high)


@lru_cache
def _a1_spectrum() -> tuple[Floats, Floats]:
    mass = np.linspace(3 * CHARGED_PION_MASS + 1e-4, TAU_MASS - 1e-4, 4000)
    q2 = mass**2
    a1_mass, a1_width = 1.251, 0.475
    g = _three_pion_phase_space(q2)
    running = a1_width * g / _three_pion_phase_space(np.array([a1_mass**2]))
    propagator = a1_mass**2 / (a1_mass**2 - q2 - 1j * a1_mass * running)
    return _cumulative(mass, 2 * mass * _weak_phase_space(q2) * np.abs(propagator) ** 2 * g / q2)


@lru_cache
def _continuum_spectrum(pions: int) -> tuple[Floats, Floats]:
    """Return the mass spectrum of four or five pions: a Gaussian measured on Pythia 8.317, with cuts.

    It is cut at threshold and at the tau mass.
    """
    centre, spread = (1.36, 0.19) if pions == 4 else (1.53, 0.12)
    mass = np.linspace(pions * CHARGED_PION_MASS + 0.02, TAU_MASS - 1e-3, 2000)
    return _cumulative(mass, np.exp(-0.5 * ((mass - centre) / spread) ** 2))


def _cumulative(x: Floats, density: Floats) -> tuple[Floats, Floats]:
    total = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
    return x, total / total[-1]


def _draw_mass(spectrum: tuple[Floats, Floats], n: int, rng: np.random.Generator) -> Floats:
    mass, cumulative = spectrum
    return np.interp(rng.random(n), cumulative, mass)


# --- decays of the hadronic system, at rest, the tau along z --------------------------------------------------------


def _two_pions(mass: Floats, masses: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw two pions whose direction is the current J: cos²ψ for the longitudinal ρ, sin²ψ for the transverse one.

    Returns the pions and +1 where the ρ is longitudinal, −1 where it is transverse.
    """
    n = len(mass)
    longitudinal = rng.random(n) < TAU_MASS**2 / (TAU_MASS**2 + 2 * mass**2)
    cosine = np.where(longitudinal, np.cbrt(rng.uniform(-1, 1, n)), 2 * rng.beta(2, 2, n) - 1)
    momentum = two_body_momentum(mass, masses[0], masses[1])
    along = direction(cosine, rng.uniform(0, 2 * np.pi, n))
    first = four_vectors(momentum[:, np.newaxis] * along, masses[0])
    second = four_vectors(-momentum[:, np.newaxis] * along, masses[1])
    return np.stack([first, second], axis=1), np.where(longitudinal, 1.0, -1.0)


def _three_pions(mass: Floats, masses: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Accept and reject Dalitz points and orientations under the a1 → ρπ current, at fixed mass.

    Returns the pions and +1 where the a1 is longitudinal, −1 where it is transverse.
    """
    done = np.empty((len(mass), 3, 4))
    helicity = np.empty(len(mass))
    ceiling = _current_ceiling()
    waiting = np.arange(len(mass))
    while len(waiting):
        tries = np.repeat(waiting, 8)
        pions, inside = _dalitz(mass[tries], masses, rng)
        tries = tries[inside]
        transverse, longitudinal = _current_weights(pions, mass[tries])
        weight = transverse + longitudinal
        accepted = np.flatnonzero(rng.random(len(tries)) * np.interp(mass[tries], *ceiling) < weight)
        accepted = accepted[_first_of_each(tries[accepted])]
        rows = tries[accepted]
        done[rows] = pions[accepted]
        helicity[rows] = np.where(rng.random(len(rows)) * weight[accepted] < longitudinal[accepted], 1, -1)
        waiting = np.setdiff1d(waiting, rows, assume_unique=True)
    return done, helicity


def _first_of_each(rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return True at the first entry of each row number; the numbers are in ascending order."""
    return np.diff(rows, prepend=-1) > 0


def _dalitz(mass: Floats, masses: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw a flat point in (s13, s23) for each mass, and find whether it is inside the Dalitz boundary.

    Returns the pions of those inside, turned at random, and True where inside.
    """
    m1, m2, m3 = masses
    s13 = rng.uniform((m1 + m3) ** 2, (mass - m2) ** 2)
    s23 = rng.uniform((m2 + m3) ** 2, (mass - m1) ** 2)
    energy1 = (mass**2 + m1**2 - s23) / (2 * mass)
    energy2 = (mass**2 + m2**2 - s13) / (2 * mass)
    energy3 = mass - energy1 - energy2
    p1 = np.sqrt(np.maximum(energy1**2 - m1**2, 0))
    p2 = np.sqrt(np.maximum(energy2**2 - m2**2, 0))
    p3_squared = energy3**2 - m3**2
    cosine = (p3_squared - p1**2 - p2**2) / np.maximum(2 * p1 * p2, 1e-12)
    inside = (np.abs(cosine) < 1) & (energy3 > m3)
    cosine, p1, p2 = cosine[inside], p1[inside], p2[inside]
    pions = np.zeros((len(cosine), 3, 4))
    pions[:, 0, 0] = p1
    pions[:, 1, 0] = p2 * cosine
    pions[:, 1, 1] = p2 * np.sqrt(1 - cosine**2)
    pions[:, 2, :2] = -pions[:, 0, :2] - pions[:, 1, :2]
    for i, energy in enumerate((energy1, energy2, energy3)):
        pions[:, i, 3] = energy[inside]
    return turn(pions, rng), inside


def _current_weights(pions: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Return weights of the transverse and of the longitudinal part of the current, each of shape (n,)."""

    def mass_squared(i: int) -> Floats:
        pair = pions[:, i] + pions[:, 2]
        return np.asarray(pair[:, 3] ** 2 - (pair[:, :3] ** 2).sum(axis=1))

    form = [_pion_form_factor(mass_squared(i)) for i in (0, 1)]
    current = sum(form[i][:, np.newaxis] * (pions[:, i, :3] - pions[:, 2, :3]) for i in (0, 1))
    assert not isinstance(current, int)
    squared = np.abs(current) ** 2
    return squared[:, 0] + squared[:, 1], TAU_MASS**2 / mass**2 * squared[:, 2]


@lru_cache
def _current_ceiling() -> tuple[Floats, Floats]:
    """Return the largest weight found at each mass, with a margin; drawn once with a fixed seed."""
    rng = np.random.default_rng(20220817)
    centres = np.linspace(3 * CHARGED_PION_MASS + 0.005, TAU_MASS - 1e-3, 60)
    mass = np.repeat(centres, 4000)
    pions, inside = _dalitz(mass, np.full(3, CHARGED_PION_MASS), rng)
    weight = np.zeros(len(mass))
    weight[inside] = sum(_current_weights(pions, mass[inside]))
    return centres, 1.15 * weight.reshape(len(centres), -1).max(axis=1)


def _phase_space(mass: Floats, masses: Floats, rng: np.random.Generator) -> Floats:
    """Draw flat many-body phase space: ordered intermediate masses, accepted by the product of their momenta."""
    bodies = len(masses)
    thresholds = np.cumsum(masses)
    systems = np.empty((len(mass), bodies - 1))
    momenta = np.empty_like(systems)
    waiting = np.arange(len(mass))
    while len(waiting):
        # Few points are accepted: try the ones that are left many times at once.
        tries = np.repeat(waiting, max(1, 20_000 // len(waiting)))
        total = mass[tries]
        free = (total - thresholds[-1])[:, np.newaxis]
        cuts = np.sort(rng.random((len(tries), bodies - 2)), axis=1) * free
        outer = np.column_stack([cuts + thresholds[1:-1], total])
        inner = np.column_stack([np.full(len(tries), masses[0]), outer[:, :-1]])
        drawn = two_body_momentum(outer, inner, masses[1:])
        largest = two_body_momentum(free + thresholds[1:], thresholds[:-1], masses[1:]).prod(axis=1)
        accepted = np.flatnonzero(rng.random(len(tries)) * largest < drawn.prod(axis=1))
        accepted = accepted[_first_of_each(tries[accepted])]
        rows = tries[accepted]
        systems[rows], momenta[rows] = outer[accepted], drawn[accepted]
        waiting = np.setdiff1d(waiting, rows, assume_unique=True)
    return _sequential(systems, momenta, masses, rng)


def _sequential(systems: Floats, momenta: Floats, masses: Floats, rng: np.random.Generator) -> Floats:
    """Build n bodies one by one: each system decays into the one before it and one more body."""
    n, steps = momenta.shape
    bodies = [np.zeros((n, 4))]
    bodies[0][:, 3] = masses[0]
    inner = np.full(n, masses[0])
    for step in range(steps):
        p = momenta[:, step]
        energy = np.sqrt(p**2 + inner**2)
        stacked = boost_along_z(np.stack(bodies, axis=1), energy / inner, p / inner)
        last = np.stack([np.zeros(n), np.zeros(n), -p, np.sqrt(p**2 + masses[step + 1] ** 2)], axis=1)
        together = turn(np.concatenate([stacked, last[:, np.newaxis]], axis=1), rng)
        bodies = [together[:, i] for i in range(together.shape[1])]
        inner = systems[:, step]
    return np.stack(bodies, axis=1)


def _tilt(momenta: Floats, helicity: Floats, rng: np.random.Generator) -> Floats:
    """Turn the z axis of each block to an angle θ drawn from 1 + helicity · P · cos θ, at random azimuths."""
    n = len(momenta)
    slope = np.where(helicity == 0, 1e-9, helicity * POLARISATION)
    cosine = (np.sqrt((1 - slope) ** 2 + 4 * slope * rng.random(n)) - 1) / slope
    return turn(momenta, rng, cosine.clip(-1, 1))
