"""What families of W and Z events with particle flow share: a boson with its muons becomes an event of objects."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from pydantic import Field, model_validator

from lineshape.jobs.simulate import pile_up
from lineshape.jobs.simulate.calorimeter_towers import Deposits, clusters, together
from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.hard_processes import boson_pt
from lineshape.jobs.simulate.kinematics import Floats, cylindrical
from lineshape.jobs.simulate.particle_flow import Tracks, tracks
from lineshape.jobs.simulate.recoil_event import hadrons
from lineshape.jobs.simulate.recoil_jets import jets
from lineshape.jobs.simulate.recoil_sample import as_sample, joined_samples
from lineshape.jobs.simulate.soft_hadrons import Ints, joined

#: Events that go through the detector together: the calorimeter has 1,519 towers in each.
BLOCK: Final = 1000
#: Muons are found to this |η|, of the inner detector; σ(pT)/pT = a ⊕ b·pT in |η| below 0.5, 1.5 and 2.5, as is the
#: efficiency to 1.5 and beyond (Delphes ATLAS card).
MAXIMUM_ETA: Final = 2.5
RESOLUTION: Final = np.array([0.01, 0.015, 0.025]), np.array([1.0e-4, 1.5e-4, 3.5e-4])
#: A muon leaves this in the calorimeter, GeV, with this spread of its logarithm.
DEPOSIT: Final = 2.5
DEPOSIT_SPREAD: Final = 0.3
#: Bosons above this pT are none of the flat spectrum, GeV.
FLAT_END: Final = 150.0


@dataclass(frozen=True)
class Bosons:
    """Bosons (n, 4) with mass, rapidity and PDG number, and k muons of each: momenta (n, k, 4), charges (n, k); GeV."""

    momenta: Floats
    mass: Floats
    y: Floats
    pdg: Ints
    muons: Floats
    charge: Floats

    def take(self, rows: slice | Ints) -> "Bosons":
        """Some of them."""
        return Bosons(*(each[rows] for each in vars(self).values()))


class RecoilFamily(Family):
    """Events whose muons are in acceptance, as particle-flow objects. The amount is in events that are written.

    mu_low, mu_high: pile-up, flat between them. flat_share: share of bosons with a flat pT, 0 to 150 GeV, before the
    muons' acceptance; the others have that of 13 TeV. minimum_muon_pt: of true muons, GeV.
    """

    mu_low: float = Field(default=0.0, ge=0)
    mu_high: float = Field(default=60.0, ge=0)
    flat_share: float = Field(default=0.3, ge=0, le=1)
    minimum_muon_pt: float = Field(default=20.0, ge=0, le=30)

    unit: ClassVar[str] = "events"
    at_once: ClassVar[int] = 10_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.mu_high < self.mu_low:
            raise ValueError(f"mu_high is {self.mu_high}; expected mu_low, {self.mu_low}, or more")
        return self

    @abstractmethod
    def decayed(self, pt: Floats, phi: Floats, rng: np.random.Generator) -> Bosons:
        """Bosons of (n,) pT [GeV] and φ, with their muons."""

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """So many events; MeV, mm, radians."""
        bosons = self._accepted(amount, rng)
        blocks = [bosons.take(slice(start, start + BLOCK)) for start in range(0, amount, BLOCK)]
        return joined_samples([self._observed(block, rng) for block in blocks])

    def spectrum(self, n: int, rng: np.random.Generator) -> Floats:
        """True pT of so many bosons, GeV."""
        flat = rng.random(n) < self.flat_share
        return np.where(flat, rng.uniform(0, FLAT_END, n), boson_pt(n, rng))

    def _accepted(self, amount: int, rng: np.random.Generator) -> Bosons:
        """As many whose muons are in acceptance and are found."""
        parts: list[Bosons] = []
        missing = amount
        while missing > 0:
            n = 4 * missing + 100
            bosons = self.decayed(self.spectrum(n, rng), rng.uniform(-np.pi, np.pi, n), rng)
            pt, eta, _ = cylindrical(bosons.muons.reshape(-1, 4))
            efficiency = np.where(np.abs(eta) < 1.5, 0.99, 0.98)
            found = (pt > self.minimum_muon_pt) & (np.abs(eta) < MAXIMUM_ETA) & (rng.random(len(pt)) < efficiency)
            parts.append(bosons.take(np.flatnonzero(found.reshape(n, -1).all(axis=1))[:missing]))
            missing -= len(parts[-1].mass)
        return Bosons(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))

    def _observed(self, bosons: Bosons, rng: np.random.Generator) -> Sample:
        n = len(bosons.mass)
        mu = rng.uniform(self.mu_low, self.mu_high, n)
        others = pile_up.collisions(mu, rng)
        own = hadrons(bosons.momenta[:, 0], bosons.momenta[:, 1], bosons.y, rng)
        charged, deposits = tracks(joined(own, pile_up.particles(others, rng)), rng)
        muons, left = seen_muons(bosons, rng)
        neutral = clusters(together(deposits, left), pile_up.activity(others), mu, rng)
        found = jets(charged, neutral, mu)
        return as_sample(
            bosons.momenta,
            bosons.mass,
            bosons.pdg,
            others,
            pile_up.reconstructed(others, rng),
            (charged, muons),
            neutral,
            found,
        )


def seen_muons(bosons: Bosons, rng: np.random.Generator) -> tuple[Tracks, Deposits]:
    """Decay muons as they are measured, and what they leave in the calorimeter."""
    n, number = bosons.charge.shape
    event = np.repeat(np.arange(n), number)
    pt, eta, phi = cylindrical(bosons.muons.reshape(-1, 4))
    region = np.digitize(np.abs(eta), [0.5, 1.5])
    relative = np.hypot(RESOLUTION[0][region], RESOLUTION[1][region] * pt)
    measured_pt = pt / np.maximum(1 + relative * rng.standard_normal(len(pt)), 0.1)
    left = DEPOSIT * rng.lognormal(0, DEPOSIT_SPREAD, len(pt)) / np.cosh(eta)
    deposits = Deposits(event, left * np.cos(phi), left * np.sin(phi), eta, left)
    return Tracks(event, measured_pt, eta, phi, bosons.charge.ravel()), deposits
