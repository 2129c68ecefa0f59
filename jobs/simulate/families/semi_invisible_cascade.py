"""Simulate A → b B, B → c C: b and c are massless and visible, C is invisible, and B is heavier than C."""

import numpy as np

from lineshape.jobs.simulate.families.semi_invisible import Share
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced


class SemiInvisibleCascade(DecayTopology):
    """Decays A → b B, B → c C with C invisible; A flies along the beam with a uniform energy from its mass up."""

    intermediate_share: tuple[Share, Share] = (0.3, 0.95)
    """Range of the uniform prior of m_B / m_A, each end from 0 to below 1."""
    invisible_share: tuple[Share, Share] = (0, 0.95)
    """Range of the uniform prior of m_C / m_B, each end from 0 to below 1."""

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Generate events with b and c visible and C invisible."""
        mass = self.masses(amount, rng)
        between = lighter(mass, self.intermediate_share, rng)
        invisible = lighter(between, self.invisible_share, rng)
        b, rest = decay(produced(mass, self.energy, rng), mass, 0.0, between, rng)
        c, lost = decay(rest, between, 0.0, invisible, rng)
        masses = {"parentMass": mass, "intermediateMass": between, "invisibleMass": invisible}
        return Events(np.stack([b, c], axis=1), lost, masses)
