"""List tracks and clusters of simulated taus, which a tau's summed energies and mean moments are made of.

Showers closer than MERGED become one cluster, whose moments are means as those of the tau are, so that the energies of
a tau's clusters add up to the tau's and their weighted means are the tau's. Pile-up is a few clusters anywhere in the
cone. Directions are those at the calorimeter: tracks are extrapolated to it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.jagged import Jagged
from lineshape.jobs.simulate.taus.observation import Observed, Truth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Columns of a track and of a cluster: pT in GeV, angles, and the moments under ATLAS's names (mm, mm², 1/mm³).
TRACK: Final = ("pt", "eta", "phi")
CLUSTER: Final = (
    "pt",
    "ptEM",
    "eta",
    "phi",
    "ENG_FRAC_EM",
    "CENTER_LAMBDA",
    "SECOND_LAMBDA",
    "FIRST_ENG_DENS",
    "PRESAMPLER_FRAC",
    "EM_PROBABILITY",
)
#: ΔR below which showers become one cluster, and that of the cone.
MERGED: Final = 0.07
CONE: Final = 0.2
#: Clusters that pile-up makes at most, and pT that makes one of them on average, GeV.
PILE_UP_CLUSTERS: Final = 4
PILE_UP_PT: Final = 1.5
#: Directions of tracks, photons' and hadrons' showers are off by these, in η and φ.
TRACK_ANGLE: Final = 0.002
PHOTON_ANGLE: Final = 0.004
HADRON_ANGLE: Final = 0.012


def tracks(truth: Truth, observed: Observed, rng: np.random.Generator) -> Jagged:
    """Return the tracks of each tau, as many as it has, in order of pT; content (total, len(TRACK))."""
    n = len(truth.pt)
    eta, phi = _directions(truth)
    # A track beside the pions' is of a converted photon: it points along with the first neutral pion, if there is one.
    neutral = truth.momenta[:, 3, 3] > 0
    extra_eta, extra_phi = (
        np.where(neutral, angle[:, 3], own + 0.03 * rng.standard_normal(n))
        for angle, own in ((eta, truth.eta), (phi, truth.phi))
    )
    extra = observed.tracks - (observed.parts.track_pt > 0).sum(axis=1)
    most = int(extra.max(initial=0))
    is_extra = np.arange(most) < extra[:, np.newaxis]
    pt = np.hstack([observed.parts.track_pt, is_extra * observed.parts.extra_pt[:, np.newaxis]])
    eta = np.hstack([eta[:, :3], np.repeat(extra_eta[:, np.newaxis], most, axis=1)])
    phi = np.hstack([phi[:, :3], np.repeat(extra_phi[:, np.newaxis], most, axis=1)])
    eta, phi = (angle + TRACK_ANGLE * rng.standard_normal(angle.shape) for angle in (eta, phi))
    return _lists(pt, [pt, eta, _wrapped(phi)])


def clusters(truth: Truth, observed: Observed, rng: np.random.Generator) -> Jagged:
    """Return the clusters of each tau in order of calibrated pT; content (total, len(CLUSTER))."""
    n, parts = len(truth.pt), observed.parts
    eta, phi = _directions(truth)
    blur = np.array([HADRON_ANGLE] * 3 + [PHOTON_ANGLE] * 3)
    eta, phi = (angle + blur * rng.standard_normal(angle.shape) for angle in (eta, phi))
    # Pile-up, so far the last part, is spread over some clusters.
    number = 1 + rng.poisson(parts.calibrated[:, -1] / PILE_UP_PT).clip(max=PILE_UP_CLUSTERS - 1)
    share = rng.exponential(1.0, (n, PILE_UP_CLUSTERS)) * (np.arange(PILE_UP_CLUSTERS) < number[:, np.newaxis])
    share /= share.sum(axis=1)[:, np.newaxis]
    away, around = CONE * np.sqrt(rng.random(share.shape)), rng.uniform(0, 2 * np.pi, share.shape)
    eta = np.hstack([eta, truth.eta[:, np.newaxis] + away * np.cos(around)])
    phi = np.hstack([phi, truth.phi[:, np.newaxis] + away * np.sin(around)])

    def spread(values: Floats) -> Floats:
        return np.hstack([values[:, :-1], values[:, -1:] * share])

    def repeated(values: Floats) -> Floats:
        return np.hstack([values[:, :-1], np.repeat(values[:, -1:], PILE_UP_CLUSTERS, axis=1)])

    calibrated, em_scale, em_layer = (spread(v) for v in (parts.calibrated, parts.em_scale, parts.em_layer))
    # The density over energy of the spread clusters is such that together they have that of the whole.
    together = (share**2).sum(axis=1)[:, np.newaxis]
    density = 10 ** np.hstack([parts.log_density[:, :-1], parts.log_density[:, -1:] - np.log10(together) * (share > 0)])
    owner = _owners(calibrated, eta, phi)

    def summed(values: Floats) -> Floats:
        flat = (np.arange(n)[:, np.newaxis] * owner.shape[1] + owner).ravel()
        return np.asarray(np.bincount(flat, values.ravel(), owner.size), dtype=np.float64).reshape(owner.shape)

    pt = summed(calibrated)
    some = np.maximum(pt, 1e-12)
    mean = {
        name: summed(repeated(getattr(parts, name)) * calibrated) / some
        for name in ("centre", "second_lambda", "presampler", "em_probability")
    }
    # Means over a cluster's parts, their angles as distances from the tau's.
    off_eta = summed((eta - truth.eta[:, np.newaxis]) * calibrated) / some
    off_phi = summed(_wrapped(phi - truth.phi[:, np.newaxis]) * calibrated) / some
    columns = [
        pt,
        summed(em_scale),
        truth.eta[:, np.newaxis] + off_eta,
        _wrapped(truth.phi[:, np.newaxis] + off_phi),
        summed(em_layer) / np.maximum(summed(em_scale), 1e-12),
        mean["centre"],
        mean["second_lambda"],
        np.log10(np.maximum(summed(density * calibrated**2) / some**2, 1e-30)),
        mean["presampler"] + parts.debris[:, np.newaxis],
        mean["em_probability"],
    ]
    return _lists(pt, columns)


def _directions(truth: Truth) -> tuple[Floats, Floats]:
    """Return η and φ of the pions, (n, 6) each; values of missing pions mean nothing."""
    pt = np.hypot(truth.momenta[..., 0], truth.momenta[..., 1])
    eta = np.arcsinh(truth.momenta[..., 2] / np.maximum(pt, 1e-9))
    return np.where(pt > 0, eta, 0.0), np.arctan2(truth.momenta[..., 1], truth.momenta[..., 0])


def _owners(pt: Floats, eta: Floats, phi: Floats) -> Ints:
    """Return for each part of a tau the part whose cluster it joins: the hardest free part and all near it form one."""
    rows = np.arange(len(pt))
    owner = np.broadcast_to(np.arange(pt.shape[1]), pt.shape).copy()
    free = pt > 0
    for _ in range(pt.shape[1]):
        seed = np.where(free, pt, -1).argmax(axis=1)
        near = np.hypot(eta - eta[rows, seed][:, np.newaxis], _wrapped(phi - phi[rows, seed][:, np.newaxis])) < MERGED
        near[rows, seed] = True
        taken = near & free
        owner = np.where(taken, seed[:, np.newaxis], owner)
        free &= ~taken
        if not free.any():
            break
    return owner


def _lists(pt: Floats, columns: list[Floats]) -> Jagged:
    """Return the objects with a pT above zero, in order of pT."""
    order = np.argsort(-pt, axis=1, kind="stable")
    there = np.take_along_axis(pt > 0, order, axis=1)
    content = np.column_stack([np.take_along_axis(values, order, axis=1)[there] for values in columns])
    return Jagged.counted(there.sum(axis=1), content)


def _wrapped(phi: Floats) -> Floats:
    return np.asarray((phi + np.pi) % (2 * np.pi) - np.pi)
