"""Turn soft collisions and partons into charged hadrons, photons of π⁰ and neutral hadrons."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.hard_processes import burr
from lineshape.jobs.simulate.physics.kinematics import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHARGED: Final = 0
PHOTON: Final = 1
NEUTRAL: Final = 2
#: Shares of charged hadrons and of π⁰: two of three pions are charged; most kaons and baryons divide likewise.
SHARES: Final = (0.62, 0.27)
#: Spectrum of soft hadrons, GeV: a mean of 0.6, a power at the end, as in minimum-bias collisions at 13 TeV.
SPECTRUM: Final = (1.2, 1.7, 3.5)
#: |η| where the plateau ends, and the width of its soft edge.
PLATEAU: Final = 4.8
EDGE: Final = 1.2
#: Hadrons leave a parton's direction by this momentum each way, GeV, and by this part of their own: soft and hard
#: radiation; of a jet of 30 GeV 83 % are within ΔR 0.4.
KICK: Final = 0.40
ANGLE: Final = 0.12
#: Hadrons of a parton: 1 + Poisson(SMALLEST + GROWTH·√pT), 6 charged ones above 0.5 GeV at
#: 20 GeV, 15 at 100 GeV; the shape of the gamma distribution of their shares.
SMALLEST: Final = 1.0
GROWTH: Final = 2.5
UNEVEN: Final = 0.8


@dataclass(frozen=True)
class Particles:
    """Stable particles; shape (n,) each.

    px, py: GeV. kind: CHARGED, PHOTON, NEUTRAL. primary: from the primary vertex, or from one that merges with it.
    """

    event: Ints
    px: Floats
    py: Floats
    eta: Floats
    kind: NDArray[np.int8]
    primary: Bools

    @property
    def pt(self) -> Floats:
        """Transverse momentum, GeV."""
        return np.hypot(self.px, self.py)

    def take(self, rows: Bools | Ints) -> "Particles":
        """Return the particles that a mask or their numbers select."""
        return Particles(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Partons:
    """Partons that become jets; shape (n,) each, momenta in GeV; primary as of particles."""

    event: Ints
    px: Floats
    py: Floats
    eta: Floats
    primary: Bools


def joined(*parts: Particles) -> Particles:
    """Concatenate particles."""
    return Particles(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Particles)))


def soft(
    event: Ints,
    counts: Ints,
    primary: bool,
    rng: np.random.Generator,
    spectrum: tuple[float, float, float] = SPECTRUM,
    plateau: tuple[float, float] = (PLATEAU, EDGE),
    shares: tuple[float, float] = SHARES,
) -> Particles:
    """Draw particles of the plateau in any direction, counts[i] of them in event[i].

    spectrum: scale [GeV], rise and fall. plateau: its end and how softly it ends. shares: of charged hadrons and of π⁰.
    """
    owner = np.repeat(event, counts)
    n = len(owner)
    pt, phi = burr(n, *spectrum, rng), rng.uniform(-np.pi, np.pi, n)
    eta = rng.uniform(-plateau[0], plateau[0], n) + rng.normal(0, plateau[1], n)
    return split_pions(
        Particles(owner, pt * np.cos(phi), pt * np.sin(phi), eta, kinds(n, rng, shares), np.full(n, primary)), rng
    )


def fragments(
    partons: Partons,
    rng: np.random.Generator,
    splitting: tuple[float, float, float] = (SMALLEST, GROWTH, UNEVEN),
    shares: tuple[float, float] = SHARES,
) -> Particles:
    """Draw the hadrons of each parton, whose momenta add up to the parton's but for random kicks.

    splitting: SMALLEST, GROWTH and UNEVEN.
    """
    smallest, growth, uneven = splitting
    parton_pt = np.hypot(partons.px, partons.py)
    counts = 1 + rng.poisson(smallest + growth * np.sqrt(parton_pt))
    owner = np.repeat(np.arange(len(counts)), counts)
    n = len(owner)
    share = rng.standard_gamma(uneven, n)
    share /= np.bincount(owner, share, len(counts))[owner]
    along = parton_pt[owner] * share
    side, polar = rng.standard_normal((2, n)) * np.hypot(KICK, ANGLE * along)
    cosine, sine = partons.px[owner] / parton_pt[owner], partons.py[owner] / parton_pt[owner]
    px, py = along * cosine - side * sine, along * sine + side * cosine
    eta = partons.eta[owner] + np.arcsinh(polar / np.hypot(along, KICK))
    return split_pions(Particles(partons.event[owner], px, py, eta, kinds(n, rng, shares), partons.primary[owner]), rng)


def kinds(n: int, rng: np.random.Generator, shares: tuple[float, float]) -> NDArray[np.int8]:
    """Draw CHARGED, PHOTON (a whole π⁰) and NEUTRAL by their shares."""
    return np.digitize(rng.random(n), np.cumsum(shares)).astype(np.int8)


def split_pions(particles: Particles, rng: np.random.Generator) -> Particles:
    """Split each π⁰ into two photons, their energy shared at random, as far apart as the mass of the π⁰ requires."""
    pion = np.flatnonzero(particles.kind == PHOTON)
    photons = particles.take(pion)
    share = rng.random(len(pion))
    # Along either way the photon's momentum is shared; across it they part by up to half the mass.
    across = 0.135 * np.sqrt(share * (1 - share))
    turn = rng.uniform(0, 2 * np.pi, len(pion))
    pt = np.maximum(photons.pt, 0.05)
    side, polar = across * np.cos(turn), across * np.sin(turn)
    cosine, sine = photons.px / pt, photons.py / pt
    halves = []
    for part, sign in ((share, 1.0), (1 - share, -1.0)):
        px, py = part * photons.px - sign * side * sine, part * photons.py + sign * side * cosine
        eta = photons.eta + sign * np.arcsinh(polar / np.maximum(part * pt, 0.05))
        halves.append(Particles(photons.event, px, py, eta, photons.kind, photons.primary))
    return joined(particles.take(particles.kind != PHOTON), *halves)
