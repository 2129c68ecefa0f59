"""Make jets of particle-flow objects: calibrated cones about the hardest ones, less pile-up jets found by tracks.

Jets are made of the same objects as the recoil: they hold no information that these don't hold.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lineshape.jobs.simulate.detector.calorimeter_towers import Clusters
from lineshape.jobs.simulate.detector.particle_flow import Tracks
from lineshape.jobs.simulate.physics.kinematics import Floats, separation
from lineshape.jobs.simulate.physics.soft_hadrons import Ints

CONE: Final = 0.4
#: Cones that are tried in each event, and pT of the object that one begins with, GeV.
TRIED: Final = 8
SEED_PT: Final = 2.0
MINIMUM_PT: Final = 20.0
MAXIMUM_ETA: Final = 4.5
#: Mean response of a jet, and what pile-up adds to one, GeV per collision.
RESPONSE: Final = 0.85
OFFSET: Final = 0.03
#: Share of a jet's pT in tracks below which it is of pile-up, within the tracker's |η|: in place of ATLAS's JVT.
CHARGED_SHARE: Final = 0.1
TRACKER: Final = 2.4


@dataclass(frozen=True)
class Jets:
    """Jets in order of event; momenta and masses in GeV, shape (n,) each."""

    event: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats


def jets(tracks: Tracks, clusters: Clusters, mu: Floats) -> Jets:
    """Return jets above threshold, in order of event and of falling pT; mu: (n,) by event."""
    n = len(mu)
    event, pt, eta, phi = (
        np.concatenate([getattr(tracks, name), getattr(clusters, name)]) for name in ("event", "pt", "eta", "phi")
    )
    charged = np.arange(len(event)) < len(tracks.event)
    cone = cones(event, pt, eta, phi, n)
    inside = np.flatnonzero(cone >= 0)
    jet = event[inside] * TRIED + cone[inside]
    pt, eta, phi = pt[inside], eta[inside], phi[inside]
    px, py, pz, energy, of_tracks = (
        np.bincount(jet, values, n * TRIED).astype(np.float64)
        for values in (pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta), pt * charged[inside])
    )
    return calibrated(np.arange(n * TRIED) // TRIED, (px, py, pz, energy), of_tracks, mu)


def calibrated(event: Ints, momenta: tuple[Floats, Floats, Floats, Floats], of_tracks: Floats, mu: Floats) -> Jets:
    """Return calibrated jets above threshold, without those of pile-up, in order of event and of falling pT.

    event: (m,) never falling. momenta: sums of objects, px, py, pz and E [GeV], (m,) each. of_tracks: (m,) sum of the
    pT of tracks. mu: (n,) by event.
    """
    px, py, pz, energy = momenta
    raw = np.hypot(px, py)
    scale = (1 - OFFSET * mu[event] / np.maximum(raw, 1e-9)).clip(0) / RESPONSE
    own_eta = np.arcsinh(pz / np.maximum(raw, 1e-9))
    told = (np.abs(own_eta) < TRACKER) & (of_tracks < CHARGED_SHARE * raw)
    kept = np.flatnonzero((raw * scale > MINIMUM_PT) & (np.abs(own_eta) < MAXIMUM_ETA) & ~told)
    kept = kept[np.lexsort((-(raw * scale)[kept], event[kept]))]
    mass = np.sqrt((energy**2 - raw**2 - pz**2).clip(0)) * scale
    return Jets(event[kept], (raw * scale)[kept], own_eta[kept], np.arctan2(py, px)[kept], mass[kept])


def cones(event: Ints, pt: Floats, eta: Floats, phi: Floats, n: int) -> Ints:
    """Return the cone that each object is in, or −1.

    The hardest object outside all cones starts the next one.
    """
    found = np.full(len(event), -1)
    # In order of pT, so that of an event's free objects the hardest is the first.
    order = np.argsort(-pt, kind="stable")
    order = order[np.argsort(event[order], kind="stable")]
    ordered_event, ordered_eta, ordered_phi = event[order], eta[order], phi[order]
    first = np.searchsorted(ordered_event, np.arange(n))
    hard = pt[order] > SEED_PT
    free = np.ones(len(event), dtype=bool)
    place = np.arange(len(event))
    for number in range(TRIED):
        seed = np.full(n, len(event))
        candidates = np.flatnonzero(free & hard)
        # Written backwards, the first candidate of an event is the one that stays.
        seed[ordered_event[candidates[::-1]]] = candidates[::-1]
        begun = seed < len(event)
        if not begun.any():
            break
        at = np.where(begun, seed, first.clip(max=len(event) - 1))[ordered_event]
        near = separation(ordered_eta, ordered_phi, ordered_eta[at], ordered_phi[at]) < CONE
        taken = (near | (place == at)) & free & begun[ordered_event]
        found[order[taken]] = number
        free &= ~taken
    return found
