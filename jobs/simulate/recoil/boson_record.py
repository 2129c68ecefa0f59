"""Find W and Z in a generator's record: their muons, and the visible particles that they recoil against."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lineshape.jobs.simulate.physics.event_record import Record
from lineshape.jobs.simulate.physics.kinematics import cylindrical
from lineshape.jobs.simulate.physics.muon_ancestry import W_ORIGIN, Z_ORIGIN, ancestry, is_charged, is_hadron
from lineshape.jobs.simulate.physics.soft_hadrons import CHARGED, NEUTRAL, PHOTON, Bools, Ints, Particles, joined
from lineshape.jobs.simulate.physics.true_muons import PROMPT
from lineshape.jobs.simulate.recoil.particle_flow_family import Bosons

W: Final = 24
Z: Final = 23
#: The origin of a boson's muons, and how many there are.
MUONS: Final = {W: (W_ORIGIN, 1), Z: (Z_ORIGIN, 2)}
NEUTRINOS: Final = (12, 14, 16)
#: Electrons and muons beside the boson's have tracks as hadrons do.
LEPTONS: Final = (11, 13)


@dataclass(frozen=True)
class BosonEvents:
    """n bosons after all radiation before their decay, with muons after theirs, and the particles of all events."""

    bosons: Bosons
    particles: Particles

    @property
    def length(self) -> int:
        """Number of events."""
        return len(self.bosons.mass)

    def beside(self, rng: np.random.Generator) -> Particles:
        """Return the particles; they are in the record, and no random number is drawn."""
        return self.particles

    def take(self, kept: Bools) -> "BosonEvents":
        """Return some of the events, numbered anew; kept: (n,) mask."""
        particles = self.particles.take(kept[self.particles.event])
        number = np.cumsum(kept) - 1
        return BosonEvents(self.bosons.take(np.flatnonzero(kept)), replace(particles, event=number[particles.event]))


def of_record(record: Record, boson: int) -> BosonEvents:
    """Return the events with a W or a Z whose muons are all there; boson: W or Z.

    Particles are all that don't decay, but neutrinos and the boson's muons; photons that these radiate are among them.
    """
    n = len(record.starts) - 1
    event, absolute = record.event, np.abs(record.ids)
    origin, number = MUONS[boson]
    muons = np.flatnonzero(record.final & (absolute == 13))
    ancestors = ancestry(record.ids, record.mother, muons)
    own = muons[(ancestors.origin == PROMPT) & (ancestors.truth_origin == origin)]
    # Of the copies of a boson, which radiation before its decay makes, the last one has its momentum.
    copies = np.flatnonzero(absolute == boson)
    last = np.full(n, -1)
    last[event[copies]] = copies
    # Rarely a photon of the boson's decay becomes two more muons.
    whole = (np.bincount(event[own], minlength=n) == number) & (last >= 0)
    own, last = own[whole[event[own]]].reshape(-1, number), last[whole]

    momenta = record.momenta[last]
    bosons = Bosons(
        momenta=momenta,
        mass=np.sqrt((momenta[:, 3] ** 2 - (momenta[:, :3] ** 2).sum(axis=1)).clip(0)),
        y=np.arctanh(momenta[:, 2] / momenta[:, 3]),
        pdg=record.ids[last],
        muons=record.momenta[own],
        charge=-np.sign(record.ids[own]).astype(np.float64),
    )
    visible = record.final & whole[event] & ~np.isin(absolute, NEUTRINOS)
    visible[own.ravel()] = False
    return BosonEvents(bosons, _particles(record, np.flatnonzero(visible), np.cumsum(whole) - 1))


def joined_events(parts: Sequence[BosonEvents]) -> BosonEvents:
    """Concatenate events."""
    first = np.cumsum([0, *(part.length for part in parts)])
    moved = [
        replace(part.particles, event=part.particles.event + start) for part, start in zip(parts, first, strict=False)
    ]
    columns = (np.concatenate([getattr(part.bosons, name) for part in parts]) for name in vars(parts[0].bosons))
    return BosonEvents(Bosons(*columns), joined(*moved))


def _particles(record: Record, rows: Ints, number: Ints) -> Particles:
    """Return the particles at some positions of the record; number: new number of each of its events."""
    ids = np.abs(record.ids[rows])
    charged = np.isin(ids, LEPTONS) | (is_hadron(ids) & is_charged(ids))
    kind = np.select([charged, ids == 22], [CHARGED, PHOTON], NEUTRAL).astype(np.int8)
    momenta = record.momenta[rows]
    _, eta, _ = cylindrical(momenta)
    event = number[record.event[rows]]
    return Particles(event, momenta[:, 0], momenta[:, 1], eta, kind, np.ones(len(rows), dtype=bool))
