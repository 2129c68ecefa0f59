"""Hold what families of the fast simulation share: a boson with its muons, and a parametrised recoil."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.detector import particle_flow_jets as recoil_jets
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.physics.hard_processes import boson_pt
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.recoil.particle_flow_family import BLOCK, Bosons, Drawn, ParticleFlowFamily, are_found
from lineshape.jobs.simulate.recoil.recoil_event import hadrons

#: End of the flat pT spectrum of bosons, GeV.
FLAT_END: Final = 150.0


class RecoilFamily(ParticleFlowFamily):
    """Events of parametrised bosons and hadrons."""

    flat_share: float = Field(default=0.3, ge=0, le=1)
    """Share of bosons with a flat pT, 0 to 150 GeV, before the muons' acceptance. The others have the spectrum of 13
    TeV.
    """

    @abstractmethod
    def decayed(self, pt: Floats, phi: Floats, rng: np.random.Generator) -> Bosons:
        """Generate bosons of (n,) pT [GeV] and φ, with their muons."""

    def blocks(self, amount: int, rng: np.random.Generator) -> Iterator[tuple[Bosons, Drawn]]:
        """Yield bosons, and the hadrons that balance them."""
        bosons = self._accepted(amount, rng)
        for start in range(0, amount, BLOCK):
            block = bosons.take(slice(start, start + BLOCK))
            yield block, partial(hadrons, block.momenta[:, 0], block.momenta[:, 1], block.y)

    def jets(self, charged: Tracks, neutral: Clusters, mu: Floats) -> recoil_jets.Jets:
        """Return jets of cones about the hardest objects."""
        return recoil_jets.jets(charged, neutral, mu)

    def spectrum(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw the true pT of this many bosons, GeV."""
        flat = rng.random(n) < self.flat_share
        return np.where(flat, rng.uniform(0, FLAT_END, n), boson_pt(n, rng))

    def _accepted(self, amount: int, rng: np.random.Generator) -> Bosons:
        """Draw this many bosons whose muons are in acceptance and found."""
        parts: list[Bosons] = []
        missing = amount
        while missing > 0:
            n = 4 * missing + 100
            bosons = self.decayed(self.spectrum(n, rng), rng.uniform(-np.pi, np.pi, n), rng)
            found = are_found(bosons.muons, self.minimum_muon_pt, rng)
            parts.append(bosons.take(np.flatnonzero(found)[:missing]))
            missing -= len(parts[-1].mass)
        return Bosons(*(np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])))
