"""Simulate W → ℓν: prompt muons and taus of helicity −1, and muons of jets beside the W."""

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.boson_decays import lepton_of_w
from lineshape.jobs.simulate.physics.hard_processes import (
    W_MASS,
    W_WIDTH,
    boson_pt,
    boson_rapidity,
    breit_wigner,
    recoil_jets,
)
from lineshape.jobs.simulate.physics.kinematics import massive
from lineshape.jobs.simulate.physics.lepton_decays import TAU_TO_MUON
from lineshape.jobs.simulate.physics.muon_candidates import HardLeptons, HardProcess


class WLnu(MuonFamily):
    """W bosons that decay to muons and taus, as many each, with jets."""

    bottom: float = Field(default=0.02, ge=0, le=1)
    """Share of bottom jets among the jets."""
    charm: float = Field(default=0.12, ge=0, le=1)
    """Share of charm jets among the jets; larger than that of bottom, from gs → Wc."""

    def hard_process(self, events: int, rng: np.random.Generator) -> HardProcess:
        """Generate W bosons with as many muons as taus."""
        pt, y, phi = boson_pt(events, rng), boson_rapidity(events, 3.6, rng), rng.uniform(-np.pi, np.pi, events)
        jets = recoil_jets(pt, y, phi, (self.bottom, self.charm), 3, rng)
        tau = rng.random(events) < 0.5
        chosen = np.where(tau, TAU_TO_MUON, 1.0) * self.lepton_share
        rows = np.flatnonzero(rng.random(events) < chosen)
        n = len(rows)
        # At 13 TeV there are 1.3 W⁺ to a W⁻.
        charge = np.where(rng.random(n) < 0.57, 1.0, -1.0)
        mass = breit_wigner(n, W_MASS, W_WIDTH, rng)
        w = massive(pt[rows], y[rows], phi[rows], mass, rapidity=True)
        momenta = lepton_of_w(w, y[rows], mass, charge, rng)
        return HardProcess(HardLeptons(rows, momenta, charge, tau[rows], np.full(n, -1.0), 12), jets, {})
