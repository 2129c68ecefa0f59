"""Simulate pp → A A, each A → b C: two visible massless particles and two invisible ones."""

from typing import Annotated

import numpy as np
from pydantic import Field

from lineshape.jobs.simulate.families.semi_invisible import Share
from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, lighter, produced


class SemiInvisiblePair(DecayTopology):
    """Pairs of A, each decaying to a visible b and an invisible C; the pair flies along the beam."""

    invisible_share: tuple[Share, Share] = (0, 0.95)
    """Range of the uniform prior of m_C / m_A, each end from 0 to below 1."""
    pair_mass: Annotated[float, Field(gt=0)] = 1500
    """Highest mass of the pair, GeV; it is uniform from 2 m_A up. At least twice the upper end of parent_mass."""
    energy: Annotated[float, Field(gt=0)] = 2500
    """Highest energy of the pair, GeV; it is uniform from the pair's mass up. At least pair_mass."""

    @property
    def heaviest(self) -> float:
        """Highest mass of the pair, GeV; raises ValueError where it does not suffice for two A."""
        if 2 * self.parent_mass[1] > self.pair_mass:
            raise ValueError(
                f"pair_mass: {self.pair_mass:g} GeV do not suffice for two of the {self.parent_mass[1]:g} GeV that "
                "parent_mass goes up to"
            )
        return self.pair_mass

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Generate events with both b visible, and the sum of both C invisible."""
        mass = self.masses(amount, rng)
        invisible = lighter(mass, self.invisible_share, rng)
        pair = rng.uniform(2 * mass, self.pair_mass)
        parents = decay(produced(pair, self.energy, rng), pair, mass, mass, rng)
        (b1, c1), (b2, c2) = (decay(parent, mass, 0.0, invisible, rng) for parent in parents)
        masses = {"parentMass": mass, "invisibleMass": invisible}
        return Events(np.stack([b1, b2], axis=1), c1 + c2, masses)
