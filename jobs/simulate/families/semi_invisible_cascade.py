"""A → b B, B → c C: b and c are massless and visible, C is not seen, and B is heavier than C."""

import numpy as np

from lineshape.jobs.simulate.families.semi_invisible import Share
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced


class SemiInvisibleCascade(DecayTopology):
    """A flies along the beam; its energy is uniform from its mass up.

    intermediate_share: range of the uniform prior of m_B / m_A. invisible_share: that of m_C / m_B.
    """

    intermediate_share: tuple[Share, Share] = (0.3, 0.95)
    invisible_share: tuple[Share, Share] = (0, 0.95)

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """b, c, and C."""
        mass = self.masses(amount, rng)
        between = lighter(mass, self.intermediate_share, rng)
        invisible = lighter(between, self.invisible_share, rng)
        b, rest = decay(produced(mass, self.energy, rng), mass, 0.0, between, rng)
        c, lost = decay(rest, between, 0.0, invisible, rng)
        masses = {"parentMass": mass, "intermediateMass": between, "invisibleMass": invisible}
        return Events(np.stack([b, c], axis=1), lost, masses)
