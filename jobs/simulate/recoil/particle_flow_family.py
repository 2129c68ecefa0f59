"""Hold what families of W and Z events with particle flow share: the detector that measures a boson's recoil."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from pydantic import Field, model_validator

from lineshape.jobs.simulate.detector import pile_up
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters, Deposits, clusters, together
from lineshape.jobs.simulate.detector.particle_flow import Tracks, tracks
from lineshape.jobs.simulate.detector.particle_flow_jets import Jets
from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.physics.kinematics import Floats, cylindrical
from lineshape.jobs.simulate.physics.soft_hadrons import Bools, Ints, Particles, joined
from lineshape.jobs.simulate.recoil.recoil_sample import as_sample, joined_samples

#: Events simulated in the detector together: the calorimeter has 1,519 towers in each.
BLOCK: Final = 1000
#: Muons are found to this |η|, of the inner detector; σ(pT)/pT = a ⊕ b·pT in |η| below 0.5, 1.5 and 2.5, as is the
#: efficiency to 1.5 and beyond (Delphes ATLAS card).
MAXIMUM_ETA: Final = 2.5
RESOLUTION: Final = np.array([0.01, 0.015, 0.025]), np.array([1.0e-4, 1.5e-4, 3.5e-4])
#: A muon leaves this in the calorimeter, GeV, with this spread of its logarithm.
DEPOSIT: Final = 2.5
DEPOSIT_SPREAD: Final = 0.3
#: Function that draws the stable particles of a block of events except the bosons' muons and neutrinos.
Drawn = Callable[[np.random.Generator], Particles]


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
        """Return some of the bosons."""
        return Bosons(*(each[rows] for each in vars(self).values()))


class ParticleFlowFamily(Family):
    """Events whose muons are in acceptance, as particle-flow objects. The amount is in events that are written."""

    mu_low: float = Field(default=0.0, ge=0)
    """Lowest number of interactions per crossing; it is uniform between mu_low and mu_high."""
    mu_high: float = Field(default=60.0, ge=0)
    """Highest number of interactions per crossing, at least mu_low."""
    minimum_muon_pt: float = Field(default=20.0, ge=0, le=30)
    """Lowest pT of true muons, GeV, 0 to 30."""

    unit: ClassVar[str] = "events"
    at_once: ClassVar[int] = 10_000

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.mu_high < self.mu_low:
            raise ValueError(f"mu_high is {self.mu_high}; expected mu_low, {self.mu_low}, or more")
        return self

    @abstractmethod
    def blocks(self, amount: int, rng: np.random.Generator) -> Iterator[tuple[Bosons, Drawn]]:
        """Yield bosons whose muons are found, a BLOCK of them or fewer at a time, and the particles beside them."""

    @abstractmethod
    def jets(self, charged: Tracks, neutral: Clusters, mu: Floats) -> Jets:
        """Return jets of particle-flow objects; mu: (n,) mean number of collisions of each event."""

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Generate this many events; MeV, mm, radians."""
        return joined_samples([self._observed(bosons, own, rng) for bosons, own in self.blocks(amount, rng)])

    def _observed(self, bosons: Bosons, own: Drawn, rng: np.random.Generator) -> Sample:
        n = len(bosons.mass)
        mu = rng.uniform(self.mu_low, self.mu_high, n)
        others = pile_up.collisions(mu, rng)
        charged, deposits = tracks(joined(own(rng), pile_up.particles(others, rng)), rng)
        muons, left = seen_muons(bosons, rng)
        neutral = clusters(together(deposits, left), pile_up.activity(others), mu, rng)
        found = self.jets(charged, neutral, mu)
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


def are_found(muons: Floats, minimum_pt: float, rng: np.random.Generator) -> Bools:
    """Return the events whose muons, (n, k, 4) momenta in GeV, are all in acceptance and found."""
    pt, eta, _ = cylindrical(muons.reshape(-1, 4))
    efficiency = np.where(np.abs(eta) < 1.5, 0.99, 0.98)
    found = (pt > minimum_pt) & (np.abs(eta) < MAXIMUM_ETA) & (rng.random(len(pt)) < efficiency)
    return np.asarray(found.reshape(muons.shape[:2]).all(axis=1))


def seen_muons(bosons: Bosons, rng: np.random.Generator) -> tuple[Tracks, Deposits]:
    """Return decay muons as measured, and their deposits in the calorimeter."""
    n, number = bosons.charge.shape
    event = np.repeat(np.arange(n), number)
    pt, eta, phi = cylindrical(bosons.muons.reshape(-1, 4))
    region = np.digitize(np.abs(eta), [0.5, 1.5])
    relative = np.hypot(RESOLUTION[0][region], RESOLUTION[1][region] * pt)
    measured_pt = pt / np.maximum(1 + relative * rng.standard_normal(len(pt)), 0.1)
    left = DEPOSIT * rng.lognormal(0, DEPOSIT_SPREAD, len(pt)) / np.cosh(eta)
    deposits = Deposits(event, left * np.cos(phi), left * np.sin(phi), eta, left)
    return Tracks(event, measured_pt, eta, phi, bosons.charge.ravel()), deposits
