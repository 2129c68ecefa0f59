"""Follow hadrons that decay to muons within the detector: their survival, and the inner detector's track of both."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.detector.tracks_and_showers import INTERACTION_LENGTH
from lineshape.jobs.simulate.physics.kinematics import cylindrical
from lineshape.jobs.simulate.physics.lepton_decays import impact

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Radius of the first silicon layer; radius and half length of the first layer of strips, of the inner detector and of
#: the calorimeters' front; mm (ATLAS, JINST 3 (2008) S08003).
FIRST_LAYER: Final = 33.0
FIRST_STRIPS: Final = (299.0, 810.0)
INNER_DETECTOR: Final = (1050.0, 2700.0)
CALORIMETER: Final = (1400.0, 3650.0)
#: Tracks are looked for up to this |d0|, mm (ATL-PHYS-PUB-2015-051).
LARGEST_D0: Final = 10.0
#: Of the hadrons that reach the calorimeters, four interaction lengths leave 2 %: later decays are not generated.
LAST_DECAY: Final = (CALORIMETER[0] + 4 * INTERACTION_LENGTH, CALORIMETER[1] + 4 * INTERACTION_LENGTH)


@dataclass(frozen=True)
class InnerTrack:
    """Tracks of n muons in the inner detector, one value each: pt in GeV, d0 and z0 in mm."""

    pt: Floats
    d0: Floats
    z0: Floats


def inner_track(muon: Floats, hadron: Floats, decay: Floats, origin: Floats, charged: Bools) -> InnerTrack:
    """Return the inner detector's track of a hadron and the muon that it decays to, both of them one track.

    muon, hadron: (n, 3) momenta in GeV; decay, origin: (n, 3) where the hadron ends and starts, mm. The hadron counts
    by the part of the detector that it crosses: wholly where it decays behind, not at all where it leaves no track,
    neutral or gone before the first layer as heavy flavour is. Its curvature counts as in a fit to both, and a kink
    draws d0 and z0 the less the further out it is.
    """
    first = FIRST_LAYER / INNER_DETECTOR[0]
    lever = ((_depth(decay, INNER_DETECTOR) - first) / (1 - first)).clip(0, 1) * charged
    weight = np.stack([lever**2 * (3 - 2 * lever), *2 * [1 - (1 - lever) ** 2]])
    own, parents = (
        np.stack([pt, *impact(at, eta, phi)])
        for (pt, eta, phi), at in ((cylindrical(muon), decay), (cylindrical(hadron), origin))
    )
    return InnerTrack(*(weight * parents + (1 - weight) * own))


def is_found(track: InnerTrack, start: Floats) -> Bools:
    """Return whether tracks that start at (n, 3) points [mm] are found: they start before the strips, near the beam."""
    return np.asarray((_depth(start, FIRST_STRIPS) < 1) & (np.abs(track.d0) < LARGEST_D0))


def comes_through(decay: Floats, rng: np.random.Generator) -> Bools:
    """Return whether hadrons survive to decay at (n, 3) points [mm]: calorimeters leave 1/e an interaction length."""
    behind = np.linalg.norm(decay, axis=1) * (1 - 1 / np.maximum(_depth(decay, CALORIMETER), 1))
    return np.asarray(rng.exponential(INTERACTION_LENGTH, len(decay)) > behind)


def _depth(point: Floats, cylinder: tuple[float, float]) -> Floats:
    """Return how far out in a cylinder (n, 3) points are: 1 on its surface."""
    return np.asarray(np.maximum(np.hypot(point[:, 0], point[:, 1]) / cylinder[0], np.abs(point[:, 2]) / cylinder[1]))
