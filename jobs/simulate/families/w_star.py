"""Simulate W* → τν far above the W's mass: the sample that gives tau muons of high pT."""

import numpy as np
from pydantic import Field, model_validator

from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.hard_processes import boson_pt, boson_rapidity, recoil_jets
from lineshape.jobs.simulate.physics.kinematics import boost_from_rest, direction, massive
from lineshape.jobs.simulate.physics.lepton_decays import charges
from lineshape.jobs.simulate.physics.muon_candidates import HardLeptons, HardProcess
from lineshape.jobs.simulate.physics.spectrum import power_law


class WStar(MuonFamily):
    """Off-shell W bosons that decay to taus, all of which go to muons; their masses fall as a power law."""

    minimum_mass: float = Field(default=120.0, gt=2.0)
    """Lowest mass of the W*, GeV."""
    maximum_mass: float = Field(default=2000.0, gt=2.0)
    """Highest mass of the W*, GeV."""
    index: float = 1.5
    """Exponent of the mass spectrum, dN/dm ∝ m^-index. Small enough to reach high pT, as such samples are made in
    slices of mass.
    """

    @model_validator(mode="after")
    def _in_order(self) -> "WStar":
        if self.minimum_mass >= self.maximum_mass:
            raise ValueError(f"minimum_mass {self.minimum_mass:g} is not below maximum_mass {self.maximum_mass:g}")
        return self

    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate decays with V−A as for the W, at higher mass and more central."""
        mass = power_law(self.index, self.minimum_mass, self.maximum_mass, events, rng)
        pt = boson_pt(events, rng) * (mass / 80.4) ** 0.3
        y = boson_rapidity(events, 1.3, rng)
        phi = rng.uniform(-np.pi, np.pi, events)
        charge = charges(events, rng)
        w = massive(pt, y, phi, mass, rapidity=True)
        cosine = charges(events, rng) * (2 * np.cbrt(rng.random(events)) - 1)
        lepton = np.empty((events, 4))
        lepton[:, :3] = direction(cosine, rng.uniform(0, 2 * np.pi, events)) * (mass / 2)[:, np.newaxis]
        lepton[:, 3] = mass / 2
        rows = np.flatnonzero(rng.random(events) < self.lepton_share)
        momenta = boost_from_rest(lepton, w, mass)[rows]
        leptons = HardLeptons(rows, momenta, charge[rows], np.ones(len(rows), dtype=bool), np.full(len(rows), -1.0), 12)
        return HardProcess(leptons, recoil_jets(pt, y, phi, (0.015, 0.06), 2, rng), {})
