"""Hold a generator's events as flat arrays: the particles of several events one after the other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.kinematics import cylindrical, separation
from lineshape.jobs.simulate.physics.true_muons import Floats, Ints

Bools = NDArray[np.bool_]
#: Particles that calorimeters do not see: neutrinos and muons.
INVISIBLE = (12, 13, 14, 16)


@dataclass(frozen=True)
class Record:
    """n particles of several events.

    starts: (events + 1,) where each event starts in the arrays. ids: (n,) by the Particle Data Group's numbering.
    mother: (n,) position of the first mother, its own where there is none. final: (n,) whether it does not decay.
    momenta: (n, 4) px, py, pz, E in GeV. vertices: (n, 3) where it is made, mm from the primary vertex.
    """

    starts: Ints
    ids: Ints
    mother: Ints
    final: Bools
    momenta: Floats
    vertices: Floats

    @classmethod
    def of_batch(cls, batch: Any) -> "Record":
        """Convert the awkward array of Pythia's nextBatch; its mothers count within their event, from 0."""
        import awkward as ak

        particles = batch["prt"]
        starts = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(particles, axis=1)))]).astype(np.int64)

        def flat(*path: str) -> NDArray[Any]:
            # Particles without a vertex, as those of the hard process, are made at the primary one.
            return np.asarray(ak.to_numpy(ak.fill_none(ak.flatten(particles[path]), 0)))

        position = np.arange(starts[-1])
        mother = flat("mother1") + np.repeat(starts[:-1], np.diff(starts))
        return cls(
            starts=starts,
            ids=flat("id").astype(np.int64),
            # Entry 0 is the event itself; its daughters are the beams.
            mother=np.where(flat("mother1") > 0, mother, position),
            final=flat("status") > 0,
            momenta=np.column_stack([flat("p", axis) for axis in ("px", "py", "pz", "e")]),
            vertices=np.column_stack([flat("vProd", axis) for axis in ("px", "py", "pz")]),
        )

    @property
    def event(self) -> Ints:
        """Number of each particle's event, (n,), from 0."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def cones(record: Record, muons: Ints, sizes: tuple[float, ...]) -> list[Floats]:
    """Return for each size in ΔR the transverse energy [GeV] of visible particles about each muon.

    muons: (m,) positions in the record, never falling. Every muon is paired with the visible particles of its event:
    some 100,000 pairs for 200 events.
    """
    visible = np.flatnonzero(record.final & ~np.isin(np.abs(record.ids), INVISIBLE))
    _, eta, phi = cylindrical(record.momenta[visible])
    energy = record.momenta[visible, 3] / np.cosh(eta)
    _, own_eta, own_phi = cylindrical(record.momenta[muons])
    starts = np.searchsorted(visible, record.starts)
    event = record.event[muons]
    counts = np.diff(starts)[event]
    muon = np.repeat(np.arange(len(muons)), counts)
    within = np.arange(len(muon)) - np.repeat(np.cumsum(counts) - counts, counts)
    other = np.repeat(starts[event], counts) + within
    distance = separation(eta[other], phi[other], own_eta[muon], own_phi[muon])
    return [np.bincount(muon, energy[other] * (distance < size), len(muons)).astype(np.float64) for size in sizes]
