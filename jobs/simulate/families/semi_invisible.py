"""A → b C: b is massless and visible, C is not seen."""

from typing import Annotated

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced

Share = Annotated[float, Field(ge=0, lt=1)]


class SemiInvisible(DecayTopology):
    """A flies along the beam; its energy is uniform from its mass up.

    invisible_share: range of the uniform prior of m_C / m_A.
    """

    invisible_share: tuple[Share, Share] = (0, 0.95)

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """b, and C."""
        mass = self.masses(amount, rng)
        invisible = lighter(mass, self.invisible_share, rng)
        b, c = decay(produced(mass, self.energy, rng), mass, 0.0, invisible, rng)
        return Events(b[:, np.newaxis], c, {"parentMass": mass, "invisibleMass": invisible})
