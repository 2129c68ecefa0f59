"""pp → A A, each A → b C: two visible massless particles and two that are not seen."""

from typing import Annotated

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.families.semi_invisible import Share
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced


class SemiInvisiblePair(DecayTopology):
    """The pair flies along the beam.

    invisible_share: range of the uniform prior of m_C / m_A. pair_mass: the highest of the pair's mass, GeV, which is
    uniform from 2 m_A up; its energy is uniform from its mass up.
    """

    invisible_share: tuple[Share, Share] = (0, 0.95)
    pair_mass: Annotated[float, Field(gt=0)] = 1500
    energy: Annotated[float, Field(gt=0)] = 2500

    @property
    def heaviest(self) -> float:
        """The pair's."""
        if 2 * self.parent_mass[1] > self.pair_mass:
            raise ValueError(
                f"pair_mass: {self.pair_mass:g} GeV do not suffice for two of the {self.parent_mass[1]:g} GeV that "
                "parent_mass goes up to"
            )
        return self.pair_mass

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Both b, and both C together."""
        mass = self.masses(amount, rng)
        invisible = lighter(mass, self.invisible_share, rng)
        pair = rng.uniform(2 * mass, self.pair_mass)
        parents = decay(produced(pair, self.energy, rng), pair, mass, mass, rng)
        (b1, c1), (b2, c2) = (decay(parent, mass, 0.0, invisible, rng) for parent in parents)
        masses = {"parentMass": mass, "invisibleMass": invisible}
        return Events(np.stack([b1, b2], axis=1), c1 + c2, masses)
