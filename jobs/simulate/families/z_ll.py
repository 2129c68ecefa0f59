"""Simulate Z → ℓℓ: pairs of prompt muons, of taus with the Z's small polarisation, and muons of jets beside the Z."""

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.boson_decays import pair_of_z
from lineshape.jobs.simulate.physics.hard_processes import (
    Z_MASS,
    Z_WIDTH,
    boson_pt,
    boson_rapidity,
    breit_wigner,
    recoil_jets,
)
from lineshape.jobs.simulate.physics.kinematics import massive
from lineshape.jobs.simulate.physics.lepton_decays import TAU_TO_MUON
from lineshape.jobs.simulate.physics.muon_candidates import HardLeptons, HardProcess


class ZLl(MuonFamily):
    """Z bosons that decay to muon and tau pairs, as many each, with jets."""

    polarisation: float = Field(default=-0.15, ge=-1, le=1)
    """Mean polarisation of the taus, −1 to 1, the same for both."""
    photons: float = Field(default=0.08, ge=0, le=1)
    """Share of pairs from the falling continuum of virtual photons, 40 to 200 GeV."""
    bottom: float = Field(default=0.09, ge=0, le=1)
    """Share of bottom jets among the jets."""
    charm: float = Field(default=0.08, ge=0, le=1)
    """Share of charm jets among the jets."""

    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate Z bosons; arrays hold both leptons of an event one after the other."""
        pt, y, phi = boson_pt(events, rng), boson_rapidity(events, 3.3, rng), rng.uniform(-np.pi, np.pi, events)
        jets = recoil_jets(pt, y, phi, (self.bottom, self.charm), 3, rng)
        kept = np.flatnonzero(rng.random(events) < self.lepton_share)
        n = len(kept)
        continuum = (40.0**-2 - rng.random(n) * (40.0**-2 - 200.0**-2)) ** -0.5
        mass = np.where(rng.random(n) < self.photons, continuum, breit_wigner(n, Z_MASS, Z_WIDTH, rng))
        z = massive(pt[kept], y[kept], phi[kept], mass, rapidity=True)
        momenta = pair_of_z(z, mass, rng).reshape(2 * n, 4)
        tau = np.repeat(rng.random(n) < 0.5, 2)
        found = ~tau | (rng.random(2 * n) < TAU_TO_MUON)
        leptons = HardLeptons(
            np.repeat(kept, 2)[found],
            momenta[found],
            np.tile([-1.0, 1.0], n)[found],
            tau[found],
            np.full(found.sum(), self.polarisation),
            13,
        )
        return HardProcess(leptons, jets, {})
