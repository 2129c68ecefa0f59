"""Turn events of particle-flow objects into columns of ROOT files, under the names of ATLAS; MeV, mm, radians."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.detector.particle_flow_jets import Jets
from lineshape.jobs.simulate.detector.pile_up import PileUp
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.soft_hadrons import Ints

MEV: Final = 1000.0
EVENT_INFO: Final = "EventInfoAuxDyn"
VERTICES: Final = "PrimaryVerticesAuxDyn"
CHARGED: Final = "JetETMissChargedParticleFlowObjectsAuxDyn"
NEUTRAL: Final = "JetETMissNeutralParticleFlowObjectsAuxDyn"
JETS: Final = "AntiKt4EMPFlowJetsAuxDyn"
MUONS: Final = "MuonsAuxDyn"
BOSON: Final = "TruthBosonAuxDyn"
#: ATLAS's numbers for types of vertices.
PRIMARY: Final = 1
PILE_UP: Final = 3

Columns = dict[str, NDArray[Any]]


def as_sample(
    boson: Floats,
    mass: Floats,
    pdg: Ints,
    pile_up: PileUp,
    vertices: tuple[Ints, Floats],
    tracks: tuple[Tracks, Tracks],
    clusters: Clusters,
    jets: Jets,
) -> Sample:
    """Return events of (n, 4) bosons as columns.

    vertices: event and z of those of pile-up. tracks: of hadrons and of decay muons.
    """
    n = len(boson)
    objects: dict[str, Columns] = {}
    counts: dict[str, NDArray[np.int64]] = {}

    def add(name: str, event: Ints, columns: Columns) -> None:
        """Add a collection, sorted by event; within an event the order stays."""
        order = np.argsort(event, kind="stable")
        objects[name] = {key: values[order] for key, values in columns.items()}
        counts[name] = np.bincount(event, minlength=n)

    every = np.arange(n)
    event, z = vertices
    kind = np.repeat([PRIMARY, PILE_UP], [n, len(z)]).astype(np.int16)
    add(VERTICES, np.concatenate([every, event]), {"z": _single(pile_up.primary_z, z), "vertexType": kind})
    # As in ATLAS's files the tracks of muons are among the charged objects.
    both = {name: [getattr(part, name) for part in tracks] for name in ("event", "pt", "eta", "phi", "charge")}
    add(CHARGED, np.concatenate(both["event"]), _track_columns(both))
    add(MUONS, tracks[1].event, _track_columns({name: each[1:] for name, each in both.items()}))
    neutral = {"pt": _single(clusters.pt * MEV), "eta": _single(clusters.eta), "phi": _single(clusters.phi)}
    add(NEUTRAL, clusters.event, neutral | {"ptEM": _single(clusters.em * MEV)})
    momenta = {"pt": jets.pt * MEV, "eta": jets.eta, "phi": jets.phi, "m": jets.mass * MEV}
    add(JETS, jets.event, {name: _single(values) for name, values in momenta.items()})
    truth = {name: _single(boson[:, i] * MEV) for i, name in enumerate(("px", "py", "pz"))}
    add(BOSON, every, truth | {"m": _single(mass * MEV), "pdgId": pdg.astype(np.int32)})
    return Sample({f"{EVENT_INFO}.averageInteractionsPerCrossing": _single(pile_up.mu)}, objects, counts)


def joined_samples(parts: Sequence[Sample]) -> Sample:
    """Concatenate the events of several samples."""
    first = parts[0]
    return Sample(
        {name: np.concatenate([part.events[name] for part in parts]) for name in first.events},
        {
            collection: {name: np.concatenate([part.objects[collection][name] for part in parts]) for name in columns}
            for collection, columns in first.objects.items()
        },
        {name: np.concatenate([part.counts[name] for part in parts]) for name in first.counts},
    )


def _track_columns(parts: dict[str, list[Any]]) -> Columns:
    columns = {name: _single(*parts[name]) for name in ("eta", "phi", "charge")}
    return {"pt": _single(*parts["pt"]) * np.float32(MEV)} | columns


def _single(*parts: NDArray[Any]) -> NDArray[np.float32]:
    return np.concatenate(parts).astype(np.float32)
