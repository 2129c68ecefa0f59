"""Simulate W → μν with all that the W recoils against, as particle-flow objects."""

import numpy as np

from lineshape.jobs.simulate.physics.boson_decays import lepton_of_w
from lineshape.jobs.simulate.physics.hard_processes import W_MASS, W_WIDTH, boson_rapidity, breit_wigner
from lineshape.jobs.simulate.physics.kinematics import Floats, massive
from lineshape.jobs.simulate.recoil.particle_flow_family import Bosons
from lineshape.jobs.simulate.recoil.recoil_family import RecoilFamily


class WMuNu(RecoilFamily):
    """W bosons with their muon in acceptance."""

    def decayed(self, pt: Floats, phi: Floats, rng: np.random.Generator) -> Bosons:
        """Generate W bosons and their muons; at 13 TeV there are 1.3 W⁺ to a W⁻."""
        n = len(pt)
        y, mass = boson_rapidity(n, 3.6, rng), breit_wigner(n, W_MASS, W_WIDTH, rng)
        charge = np.where(rng.random(n) < 0.57, 1.0, -1.0)
        w = massive(pt, y, phi, mass, rapidity=True)
        muons = lepton_of_w(w, y, mass, charge, rng)[:, np.newaxis]
        return Bosons(w, mass, y, (24 * charge).astype(np.int64), muons, charge[:, np.newaxis])
