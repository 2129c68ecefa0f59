"""Simulate Z → μμ with all that the Z recoils against, as particle-flow objects; the muons measure its pT as well."""

import numpy as np

from lineshape.jobs.simulate.physics.boson_decays import pair_of_z
from lineshape.jobs.simulate.physics.hard_processes import Z_MASS, Z_WIDTH, boson_rapidity, breit_wigner
from lineshape.jobs.simulate.physics.kinematics import Floats, massive
from lineshape.jobs.simulate.recoil.particle_flow_family import Bosons
from lineshape.jobs.simulate.recoil.recoil_family import RecoilFamily


class ZMuMu(RecoilFamily):
    """Z bosons with both muons in acceptance."""

    def decayed(self, pt: Floats, phi: Floats, rng: np.random.Generator) -> Bosons:
        """Generate Z bosons and their muons, with angles as 1 + cos²θ."""
        n = len(pt)
        y, mass = boson_rapidity(n, 3.3, rng), breit_wigner(n, Z_MASS, Z_WIDTH, rng)
        z = massive(pt, y, phi, mass, rapidity=True)
        return Bosons(z, mass, y, np.full(n, 23), pair_of_z(z, mass, rng), np.tile([-1.0, 1.0], (n, 1)))
