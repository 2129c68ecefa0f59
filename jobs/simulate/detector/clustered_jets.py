"""Cluster particle-flow objects into jets as ATLAS does: anti-kt by FastJet (the extra `pythia`).

Calibration and the cut on the share of tracks are those of the fast simulation's jets.
"""

from typing import Any, Final

import numpy as np

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.detector.particle_flow_jets import CONE, MINIMUM_PT, RESPONSE, Jets, calibrated
from lineshape.jobs.simulate.physics.kinematics import Floats

#: Lowest pT of jets before calibration, GeV: subtraction of the offset only makes them softer.
RAW_PT: Final = 0.99 * RESPONSE * MINIMUM_PT


def fastjet(kind: str) -> Any:
    """Import FastJet's module; raises RequestError where it is not installed.

    kind: the family that needs it.
    """
    try:
        import fastjet as module
    except ImportError as error:
        raise RequestError(f"kind '{kind}' needs FastJet: pip install 'lineshape[pythia]'") from error
    return module


def jets(tracks: Tracks, clusters: Clusters, mu: Floats, kind: str) -> Jets:
    """Return jets above threshold, in order of event and of falling pT.

    mu: (n,) by event. kind: the family that needs them.
    """
    import awkward as ak

    module = fastjet(kind)
    n = len(mu)
    event, pt, eta, phi = (
        np.concatenate([getattr(tracks, name), getattr(clusters, name)]) for name in ("event", "pt", "eta", "phi")
    )
    of_tracks = np.where(np.arange(len(event)) < len(tracks.event), pt, 0)
    order = np.argsort(event, kind="stable")
    momenta = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "E": pt * np.cosh(eta)}
    counts = np.bincount(event, minlength=n)
    objects = ak.unflatten(ak.zip({name: values[order] for name, values in momenta.items()}), counts)
    sequence = module.ClusterSequence(objects, module.JetDefinition(module.antikt_algorithm, CONE))
    found, members = sequence.inclusive_jets(RAW_PT), sequence.constituent_index(RAW_PT)
    number = ak.to_numpy(ak.num(found))
    jet_event = np.repeat(np.arange(n), number)
    px, py, pz, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E"))
    # Positions of members count within their event.
    size = ak.to_numpy(ak.flatten(ak.num(members, axis=2)))
    owner = np.repeat(np.arange(len(jet_event)), size)
    place = ak.to_numpy(ak.flatten(members, axis=None)) + (np.cumsum(counts) - counts)[jet_event[owner]]
    charged = np.bincount(owner, of_tracks[order][place], len(jet_event)).astype(np.float64)
    return calibrated(jet_event, (px, py, pz, energy), charged, mu)
