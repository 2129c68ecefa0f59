"""Cluster the constituents of a jet by sequential recombination, in compiled code that runs for one jet.

Sources: S. Catani et al., Nucl. Phys. B 406 (1993) 187 (kt); Y. Dokshitzer et al., JHEP 08 (1997) 001 (C/A); M.
Cacciari, G. Salam and G. Soyez, JHEP 04 (2008) 063 (anti-kt) and Eur. Phys. J. C 72 (2012) 1896 (FastJet, whose
distances these are); D. Bertolini, T. Chan and J. Thaler, JHEP 04 (2014) 013 (winner takes all).
"""

import math
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Partner in a merge with the beam.
BEAM: Final = -1
#: Columns of a pseudojet: momentum and energy, GeV, then pT², rapidity and azimuth.
PX, PY, PZ, E, PT2, Y, PHI = range(7)
#: Rapidity of what has no transverse momentum.
_LARGE: Final = 1e5


@njit(cache=True)
def fill(jet: Floats) -> None:
    """Set pT², rapidity and azimuth of a pseudojet, (7,), from its momentum and energy."""
    pt2 = jet[PX] * jet[PX] + jet[PY] * jet[PY]
    jet[PT2] = pt2
    if pt2 == 0.0:
        jet[PHI] = 0.0
        jet[Y] = math.copysign(_LARGE, jet[PZ])
        return
    phi = math.atan2(jet[PY], jet[PX])
    jet[PHI] = phi + 2 * math.pi if phi < 0 else phi
    mass2 = max(0.0, jet[E] * jet[E] - pt2 - jet[PZ] * jet[PZ])
    forward = jet[E] + abs(jet[PZ])
    rapidity = 0.5 * math.log((pt2 + mass2) / (forward * forward))
    jet[Y] = -rapidity if jet[PZ] > 0 else rapidity


@njit(cache=True)
def distance2(one: Floats, other: Floats) -> float:
    """Return Δy² + Δφ² of two pseudojets."""
    phi = abs(one[PHI] - other[PHI])
    if phi > math.pi:
        phi = 2 * math.pi - phi
    rapidity = one[Y] - other[Y]
    return float(rapidity * rapidity + phi * phi)


@njit(cache=True)
def _weight(jet: Floats, power: int) -> float:
    """Return pT to twice the power: 1 for kt, 0 for C/A, −1 for anti-kt."""
    if power == 0:
        return 1.0
    if power > 0:
        return float(jet[PT2])
    return 1.0 / jet[PT2] if jet[PT2] > 0 else 1e300


@njit(cache=True)
def _recombine(one: Floats, other: Floats, winner: bool, made: Floats) -> None:
    """Write the sum of two pseudojets, or by the winner: the direction of the harder one with the sum of both pT."""
    if not winner:
        for i in range(4):
            made[i] = one[i] + other[i]
        fill(made)
        return
    harder = one if one[PT2] >= other[PT2] else other
    pt = math.sqrt(one[PT2]) + math.sqrt(other[PT2])
    made[Y], made[PHI], made[PT2] = harder[Y], harder[PHI], pt * pt
    made[PX], made[PY] = pt * math.cos(made[PHI]), pt * math.sin(made[PHI])
    made[PZ], made[E] = pt * math.sinh(made[Y]), pt * math.cosh(made[Y])


@njit(cache=True)
def _look_for(place: int, number: int, y: Floats, phi: Floats, radius2: float) -> tuple[float, int]:
    """Return the squared distance and the place of the nearest of so many pseudojets, or the beam's."""
    least, found = radius2, BEAM
    for j in range(number):
        if j != place:
            across = abs(phi[place] - phi[j])
            if across > math.pi:
                across = 2 * math.pi - across
            apart = (y[place] - y[j]) ** 2 + across * across
            if apart < least:
                least, found = apart, j
    return least, found


@njit(cache=True)
def _closest(number: int, weights: Floats, nearest2: Floats, nearest: Integers) -> tuple[float, int]:
    """Return the smallest distance of so many pseudojets, times the squared radius, and the place of one of the two."""
    best, place = math.inf, 0
    for i in range(number):
        weight = weights[i]
        if nearest[i] != BEAM and weights[nearest[i]] < weight:
            weight = weights[nearest[i]]
        if nearest2[i] * weight < best:
            best, place = nearest2[i] * weight, i
    return best, place


@njit(cache=True)
def _update(
    number: int, new: int, gone: int, y: Floats, phi: Floats, radius2: float, nearest2: Floats, nearest: Integers
) -> None:
    """Find the nearest ones anew after a merge; the pseudojet that was last is now where one has gone."""
    for i in range(number):
        if i == new or nearest[i] == gone or (new != BEAM and nearest[i] == new):
            nearest2[i], nearest[i] = _look_for(i, number, y, phi, radius2)
            continue
        if nearest[i] == number:
            nearest[i] = gone
        if new != BEAM:
            across = abs(phi[i] - phi[new])
            if across > math.pi:
                across = 2 * math.pi - across
            apart = (y[i] - y[new]) ** 2 + across * across
            if apart < nearest2[i]:
                nearest2[i], nearest[i] = apart, new


@njit(cache=True)
def cluster(
    particles: Floats, power: int, radius: float, winner: bool
) -> tuple[Floats, Integers, Integers, Floats, Integers]:
    """Cluster particles until none is left.

    particles: (n, 4), GeV. power: 1 for kt, 0 for C/A, −1 for anti-kt. radius: distance at which a pseudojet is merged
    with the beam instead. winner: whether the direction of the harder one is kept.

    Returns pseudojets (2n, 7), of which the first n are the particles; for each of n steps the two that were merged,
    of which the second may be BEAM; the distance of each step, as FastJet's d_ij; and the pseudojet that was made in
    it, BEAM where none was.
    """
    n, radius2 = len(particles), radius * radius
    jets = np.zeros((2 * n, 7))
    first, second, made = np.full(n, BEAM), np.full(n, BEAM), np.full(n, BEAM)
    steps, active = np.zeros(n), np.arange(n)
    # Of the active ones, in any order, so that a place may be taken by another.
    y, phi, weights, nearest2 = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    nearest = np.full(n, BEAM)
    for i in range(n):
        jets[i, :4] = particles[i]
        fill(jets[i])
        y[i], phi[i], weights[i] = jets[i, Y], jets[i, PHI], _weight(jets[i], power)
    for i in range(n):
        nearest2[i], nearest[i] = _look_for(i, n, y, phi, radius2)
    total = n
    for step in range(n):
        best, place = _closest(n - step, weights, nearest2, nearest)
        steps[step], first[step], last = best / radius2, active[place], n - step - 1
        new, gone, other = BEAM, place, nearest[place]
        if other != BEAM:
            second[step] = active[other]
            _recombine(jets[active[place]], jets[active[other]], winner, jets[total])
            new, gone = min(place, other), max(place, other)
            made[step] = active[new] = total
            y[new], phi[new], weights[new] = jets[total, Y], jets[total, PHI], _weight(jets[total], power)
            total += 1
        active[gone], y[gone], phi[gone], weights[gone] = active[last], y[last], phi[last], weights[last]
        nearest2[gone], nearest[gone] = nearest2[last], nearest[last]
        _update(last, new, gone, y, phi, radius2, nearest2, nearest)
    return jets, first, second, steps, made


@njit(cache=True)
def exclusive(jets: Floats, first: Integers, second: Integers, made: Integers, wanted: int) -> Floats:
    """Return the pseudojets, (wanted or fewer, 7), when so many are left; arguments are those of `cluster`."""
    n = len(first)
    there = np.zeros(2 * n, dtype=np.bool_)
    there[:n] = True
    for step in range(max(0, n - wanted)):
        there[first[step]] = False
        if second[step] != BEAM:
            there[second[step]] = False
            there[made[step]] = True
    return jets[np.flatnonzero(there)]


@njit(cache=True)
def members(first: Integers, second: Integers, made: Integers, top: int) -> NDArray[np.bool_]:
    """Return which of the particles, (n,), are in a pseudojet."""
    n = len(first)
    within = np.zeros(2 * n, dtype=np.bool_)
    within[top] = True
    for step in range(n - 1, -1, -1):
        if made[step] != BEAM and within[made[step]]:
            within[first[step]] = within[second[step]] = True
    return within[:n]
