"""Simulate A → b C: b is massless and visible, C is invisible."""

from typing import Annotated

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced

Share = Annotated[float, Field(ge=0, lt=1)]


class SemiInvisible(DecayTopology):
    """Decays A → b C with b visible and C invisible; A flies along the beam with a uniform energy from its mass up."""

    invisible_share: tuple[Share, Share] = (0, 0.95)
    """Range of the uniform prior of m_C / m_A, each end from 0 to below 1."""

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Generate events with b visible and C invisible."""
        mass = self.masses(amount, rng)
        invisible = lighter(mass, self.invisible_share, rng)
        b, c = decay(produced(mass, self.energy, rng), mass, 0.0, invisible, rng)
        return Events(b[:, np.newaxis], c, {"parentMass": mass, "invisibleMass": invisible})
