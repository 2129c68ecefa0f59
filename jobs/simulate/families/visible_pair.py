"""Simulate A → b c, both massless and visible."""

import numpy as np

from lineshape.jobs.simulate.physics.decay_topology import DecayTopology, Events, decay, isotropic, produced


class VisiblePair(DecayTopology):
    """Decays A → b c, fully visible; A flies in any direction with a uniform energy from its mass up."""

    def events(self, amount: int, rng: np.random.Generator) -> Events:
        """Generate events with b and c visible."""
        mass = self.masses(amount, rng)
        parent = produced(mass, self.energy, rng, isotropic(amount, rng))
        b, c = decay(parent, mass, 0.0, 0.0, rng)
        return Events(np.stack([b, c], axis=1), np.zeros((amount, 4)), {"parentMass": mass})
