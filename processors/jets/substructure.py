"""Groom jets and compute what is inside them: each variable with its formula, compiled, over awkward lists.

Distances ΔR are in rapidity and azimuth. Sums are over the constituents of a jet, with momenta p and energies E; the
axis is that of the whole. What is not defined, such as τ21 of one particle, is NaN.

- pt, eta, phi, m, e: of the sum of the constituents; n: their number
- tau1, tau2, tau3: Σ pT min_a ΔR(i, a)/Σ pT R, a: exclusive kt axes, winner takes all; tau21, tau32: τ2/τ1, τ3/τ2
  (J. Thaler and K. Van Tilburg, JHEP 03 (2011) 015)
- ecf1, ecf2, ecf3: Σ pT; Σ pT pT ΔR of pairs; Σ pT pT pT ΔR ΔR ΔR of triples; e2, e3: ECF2/ECF1², ECF3/ECF1³;
  c1: ECF2/ECF1² with ΔR^0.2; c2: ECF3 ECF1/ECF2² (A. Larkoski, G. Salam and J. Thaler, JHEP 06 (2013) 108);
  d2: ECF3 ECF1³/ECF2³ (A. Larkoski, I. Moult and D. Neill, JHEP 12 (2014) 009)
- d12, d23: min(pT1, pT2) ΔR at the last merge of kt and the last but one, GeV (J. Butterworth, B. Cox and J. Forshaw,
  Phys. Rev. D 65 (2002) 096014); zcut12: d12²/(d12² + m²), m of what that merge made; kt_dr: ΔR of the two exclusive
  kt subjets; q_w: smallest mass of pairs of the three exclusive kt subjets, GeV (athena, JetSubStructureUtils)
- planar_flow: 4 λ1 λ2/(λ1 + λ2)² of Σ p⊥ p⊥ᵀ/E, normal to the axis; angularity: Σ E sin^a θ (1 − cos θ)^(1 − a)/m,
  a = −2, θ to the axis (L. Almeida et al., Phys. Rev. D 79 (2009) 074017)
- in the rest frame of the jet (athena): sphericity, aplanarity: 1.5 (λ2 + λ3), 1.5 λ3 of Σ p pᵀ/Σ p², λ1 ≥ λ2 ≥ λ3;
  thrust_major, thrust_minor: Σ |p·n|/Σ |p|, Σ |p × n|/Σ |p|, n: axis of the largest Σ |p·n|; fox_wolfram: H2/H0,
  H_l = Σ |p| |p| P_l(cos θ) of pairs
- width, lha, ptd: Σ pT ΔR/Σ pT, Σ pT √(ΔR/R)/Σ pT with ΔR to the axis, √Σ pT²/Σ pT (P. Gras et al., JHEP 07 (2017)
  091)
- m_sd, z_g, r_g: mass, min(pT1, pT2)/(pT1 + pT2) and ΔR after SoftDrop with β = 0, z_cut = 0.1 (A. Larkoski et al.,
  JHEP 05 (2014) 146)
"""

import math
from typing import Final

import awkward as ak
import numpy as np
from numba import njit
from numpy.typing import NDArray

from lineshape.processors.jets.clustering import (
    BEAM,
    PHI,
    PT2,
    PX,
    PY,
    PZ,
    E,
    Floats,
    cluster,
    distance2,
    exclusive,
    fill,
    members,
)

#: All variables, in the order in which they are computed.
VARIABLES: Final = (
    *("pt", "eta", "phi", "m", "e", "n"),
    *("tau1", "tau2", "tau3", "tau21", "tau32"),
    *("ecf1", "ecf2", "ecf3", "e2", "e3", "c1", "c2", "d2"),
    *("d12", "d23", "zcut12", "kt_dr", "q_w"),
    *("planar_flow", "angularity", "sphericity", "aplanarity", "thrust_major", "thrust_minor", "fox_wolfram"),
    *("width", "lha", "ptd"),
    *("m_sd", "z_g", "r_g"),
)
#: Radius of kt that splitting scales are taken of, as in athena.
_SPLITTING_RADIUS: Final = 1.5
#: Distance that no pair of particles has.
_EVERYTHING: Final = 1000.0
#: Exponent of C1.
_C1: Final = 0.2


def substructure(px: ak.Array, py: ak.Array, pz: ak.Array, e: ak.Array, radius: float = 1.0) -> dict[str, Floats]:
    """Return all VARIABLES of jets by name, (jets,) each.

    px, py, pz, e: of the constituents of each jet, (jets, var), GeV. radius: of the jets.
    """
    particles, offsets = _flat(px, py, pz, e)
    return dict(zip(VARIABLES, _of_all(particles, offsets, radius).T, strict=True))


def trimmed(
    px: ak.Array, py: ak.Array, pz: ak.Array, e: ak.Array, subjets: float = 0.2, share: float = 0.05
) -> ak.Array:
    """Return which constituents of each jet trimming keeps, (jets, var).

    subjets: radius of the kt subjets. share: of the jet's pT below which one is dropped. Source: D. Krohn, J. Thaler
    and L.-T. Wang, JHEP 02 (2010) 084.
    """
    particles, offsets = _flat(px, py, pz, e)
    return ak.unflatten(_trim_all(particles, offsets, subjets, share), np.diff(offsets))


def _flat(*parts: ak.Array) -> tuple[Floats, NDArray[np.int64]]:
    """Return the momenta of all particles, (particles, 4), and where those of each jet begin, (jets + 1,)."""
    counts = ak.to_numpy(ak.num(parts[0]))
    flat = [np.asarray(ak.to_numpy(ak.flatten(part)), dtype=np.float64) for part in parts]
    return np.stack(flat, axis=1), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@njit(cache=True)
def _of_all(particles: Floats, offsets: NDArray[np.int64], radius: float) -> Floats:
    found = np.full((len(offsets) - 1, len(VARIABLES)), np.nan)
    for jet in range(len(found)):
        own = particles[offsets[jet] : offsets[jet + 1]]
        if len(own) and np.isfinite(own).all():
            _fill_one(own, radius, found[jet])
        elif not len(own):
            found[jet, 5] = 0.0
    return found


@njit(cache=True)
def _trim_all(particles: Floats, offsets: NDArray[np.int64], radius: float, share: float) -> NDArray[np.bool_]:
    kept = np.zeros(len(particles), dtype=np.bool_)
    for jet in range(len(offsets) - 1):
        own = particles[offsets[jet] : offsets[jet + 1]]
        if len(own) and np.isfinite(own).all():
            kept[offsets[jet] : offsets[jet + 1]] = _trim(own, radius, share)
    return kept


@njit(cache=True)
def _trim(particles: Floats, radius: float, share: float) -> NDArray[np.bool_]:
    jets, first, second, _, made = cluster(particles, 1, radius, False)
    least = share * math.hypot(particles[:, PX].sum(), particles[:, PY].sum())
    kept = np.zeros(len(particles), dtype=np.bool_)
    for step in range(len(first)):
        if second[step] == BEAM and math.sqrt(jets[first[step], PT2]) >= least:
            kept |= members(first, second, made, first[step])
    return kept


@njit(cache=True)
def _fill_one(particles: Floats, radius: float, out: Floats) -> None:
    """Compute the variables of one jet. particles: (n, 4), n > 0."""
    total = np.zeros(7)
    for i in range(4):
        total[i] = particles[:, i].sum()
    fill(total)
    parts = np.zeros((len(particles), 7))
    for i in range(len(parts)):
        parts[i, :4] = particles[i]
        fill(parts[i])
    pt = np.sqrt(parts[:, PT2])
    mass = math.sqrt(max(0.0, total[E] ** 2 - total[PT2] - total[PZ] ** 2))
    out[0], out[3], out[4], out[5] = math.sqrt(total[PT2]), mass, total[E], len(parts)
    out[1] = math.asinh(total[PZ] / out[0]) if out[0] > 0 else np.nan
    out[2] = total[PHI] - 2 * math.pi if total[PHI] > math.pi else total[PHI]
    _subjettiness(particles, parts, pt, radius, out[6:11])
    _correlators(parts, pt, out[11:19])
    _splittings(particles, out[19:24])
    _normal_to_axis(particles, total, mass, out[24:26])
    _at_rest(particles, total, mass, out[26:31])
    _widths(parts, pt, total, radius, out[31:34])
    _soft_drop(particles, out[34:37])


@njit(cache=True)
def _subjettiness(particles: Floats, parts: Floats, pt: Floats, radius: float, out: Floats) -> None:
    jets, first, second, _, made = cluster(particles, 1, _EVERYTHING, True)
    for number in range(1, 4):
        axes = exclusive(jets, first, second, made, number)
        found = 0.0
        for i in range(len(parts)):
            least = math.inf
            for axis in range(len(axes)):
                least = min(least, distance2(parts[i], axes[axis]))
            found += pt[i] * math.sqrt(least)
        out[number - 1] = found / (pt.sum() * radius)
    for number in range(2):
        if out[number] > 0:
            out[3 + number] = out[number + 1] / out[number]


@njit(cache=True)
def _correlators(parts: Floats, pt: Floats, out: Floats) -> None:
    n = len(parts)
    apart = np.zeros((n, n))
    two, three, narrow = 0.0, 0.0, 0.0
    for i in range(n):
        for j in range(i):
            squared = distance2(parts[i], parts[j])
            apart[i, j] = apart[j, i] = math.sqrt(squared)
            pair = pt[i] * pt[j]
            two += pair * apart[i, j]
            narrow += pair * squared ** (_C1 / 2)
    for i in range(n):
        for j in range(i):
            pair = pt[i] * pt[j] * apart[i, j]
            inner = 0.0
            for k in range(j):
                inner += pt[k] * apart[i, k] * apart[j, k]
            three += pair * inner
    one = pt.sum()
    out[0], out[1], out[2] = one, two, three
    out[3], out[4], out[5] = two / one**2, three / one**3, narrow / one**2
    if two > 0:
        out[6], out[7] = three * one / two**2, three * one**3 / two**3


@njit(cache=True)
def _splittings(particles: Floats, out: Floats) -> None:
    n = len(particles)
    if n < 2:
        return
    jets, first, second, steps, made = cluster(particles, 1, _SPLITTING_RADIUS, False)
    # FastJet's exclusive_dmerge: of the step by which one more than so many become so many.
    out[0] = _SPLITTING_RADIUS * math.sqrt(steps[n - 2])
    two = exclusive(jets, first, second, made, 2)
    out[3] = math.sqrt(distance2(two[0], two[1]))
    both = two[0, :4] + two[1, :4]
    mass2 = max(0.0, both[E] ** 2 - both[PX] ** 2 - both[PY] ** 2 - both[PZ] ** 2)
    if out[0] > 0:
        out[2] = out[0] ** 2 / (out[0] ** 2 + mass2)
    if n < 3:
        return
    out[1] = _SPLITTING_RADIUS * math.sqrt(steps[n - 3])
    three = exclusive(jets, first, second, made, 3)
    least = math.inf
    for i in range(3):
        for j in range(i):
            pair = three[i, :4] + three[j, :4]
            least = min(least, pair[E] ** 2 - pair[PX] ** 2 - pair[PY] ** 2 - pair[PZ] ** 2)
    out[4] = math.sqrt(max(0.0, least))


@njit(cache=True)
def _dot(one: Floats, other: Floats) -> float:
    """Return the product of two momenta, of which the first three numbers are used."""
    return float(one[0] * other[0] + one[1] * other[1] + one[2] * other[2])


@njit(cache=True)
def _normal_to_axis(particles: Floats, total: Floats, mass: float, out: Floats) -> None:
    size = math.sqrt(total[PT2] + total[PZ] ** 2)
    transverse = math.sqrt(total[PT2])
    if size == 0 or transverse == 0:
        return
    axis = total[:3] / size
    # Two directions normal to the axis and to one another.
    u = np.array([-axis[1], axis[0], 0.0]) * size / transverse
    v = np.array([axis[1] * u[2] - axis[2] * u[1], axis[2] * u[0] - axis[0] * u[2], axis[0] * u[1] - axis[1] * u[0]])
    xx, xy, yy, angularity = 0.0, 0.0, 0.0, 0.0
    for i in range(len(particles)):
        momentum, energy = particles[i], particles[i, E]
        x, y = _dot(momentum, u), _dot(momentum, v)
        own = math.sqrt(_dot(momentum, momentum))
        if energy <= 0 or own == 0:
            continue
        xx, xy, yy = xx + x * x / energy, xy + x * y / energy, yy + y * y / energy
        # By the sine, which is exact where the angle is small: 1 − cos θ = sin² θ/(1 + cos θ).
        sine2 = min(1.0, (x * x + y * y) / own**2)
        cosine = _dot(momentum, axis) / own
        away = sine2 / (1 + cosine) if cosine > 0 else 1 - cosine
        if sine2 > 0:
            angularity += energy * away**3 / sine2
    if xx + yy > 0:
        out[0] = 4 * (xx * yy - xy * xy) / (xx + yy) ** 2
    if mass > 0:
        out[1] = angularity / mass


@njit(cache=True)
def _boosted(particles: Floats, total: Floats, mass: float) -> Floats:
    """Return momenta, (n, 3), in the rest frame of the jet."""
    beta = total[:3] / total[E]
    gamma = total[E] / mass
    found = np.zeros((len(particles), 3))
    for i in range(len(particles)):
        change = gamma * gamma / (gamma + 1) * _dot(particles[i], beta) - gamma * particles[i, E]
        for a in range(3):
            found[i, a] = particles[i, a] + beta[a] * change
    return found


@njit(cache=True)
def _at_rest(particles: Floats, total: Floats, mass: float, out: Floats) -> None:
    if len(particles) < 2 or mass <= 0:
        return
    momenta = _boosted(particles, total, mass)
    sizes = np.sqrt((momenta * momenta).sum(axis=1))
    tensor = np.zeros((3, 3))
    for i in range(len(momenta)):
        for a in range(3):
            for b in range(3):
                tensor[a, b] += momenta[i, a] * momenta[i, b]
    if np.trace(tensor) == 0:
        return
    values = np.sort(np.linalg.eigvalsh(tensor / np.trace(tensor)))
    out[0], out[1] = 1.5 * (values[0] + values[1]), 1.5 * values[0]
    axis = _thrust_axis(momenta, sizes)
    along, across = 0.0, 0.0
    for i in range(len(momenta)):
        projected = abs(_dot(momenta[i], axis))
        along += projected
        across += math.sqrt(max(0.0, sizes[i] ** 2 - projected**2))
    out[2], out[3] = along / sizes.sum(), across / sizes.sum()
    none, second = 0.0, 0.0
    for i in range(len(momenta)):
        for j in range(i):
            pair = sizes[i] * sizes[j]
            if pair > 0:
                cosine = _dot(momenta[i], momenta[j]) / pair
                none += pair
                second += pair * 0.5 * (3 * cosine * cosine - 1)
    if none > 0:
        out[4] = second / none


@njit(cache=True)
def _thrust_axis(momenta: Floats, sizes: Floats) -> Floats:
    """Return the direction along which the momenta are largest: n ← Σ ±p from eight starts, of the four largest."""
    largest = np.argsort(-sizes)[:4]
    best, most = np.zeros(3), -1.0
    for start in range(8):
        axis = np.zeros(3)
        for number in range(len(largest)):
            sign = -1.0 if number and (start >> (number - 1)) & 1 else 1.0
            axis += sign * momenta[largest[number]]
        for _ in range(100):
            new = np.zeros(3)
            for i in range(len(momenta)):
                sign = 1.0 if _dot(momenta[i], axis) > 0 else -1.0
                for a in range(3):
                    new[a] += sign * momenta[i, a]
            if np.array_equal(new, axis):
                break
            axis = new
        size = math.sqrt(_dot(axis, axis))
        if size > most:
            best, most = axis / max(size, 1e-300), size
    return best


@njit(cache=True)
def _widths(parts: Floats, pt: Floats, total: Floats, radius: float, out: Floats) -> None:
    width, root = 0.0, 0.0
    for i in range(len(parts)):
        apart = math.sqrt(distance2(parts[i], total))
        width += pt[i] * apart
        root += pt[i] * math.sqrt(apart / radius)
    one = pt.sum()
    if one > 0:
        out[0], out[1], out[2] = width / one, root / one, math.sqrt((pt * pt).sum()) / one


@njit(cache=True)
def _soft_drop(particles: Floats, out: Floats) -> None:
    """SoftDrop with β = 0, which is the modified mass drop: no radius enters."""
    n = len(particles)
    jets, first, second, _, _ = cluster(particles, 0, _EVERYTHING, False)
    top = first[n - 1]
    while top >= n:
        step = top - n
        one, other = jets[first[step]], jets[second[step]]
        least = min(one[PT2], other[PT2])
        whole = math.sqrt(one[PT2]) + math.sqrt(other[PT2])
        if math.sqrt(least) > 0.1 * whole:
            jet = jets[top]
            out[0] = math.sqrt(max(0.0, jet[E] ** 2 - jet[PT2] - jet[PZ] ** 2))
            out[1], out[2] = math.sqrt(least) / whole, math.sqrt(distance2(one, other))
            return
        top = first[step] if one[PT2] >= other[PT2] else second[step]
    jet = jets[top]
    out[0] = math.sqrt(max(0.0, jet[E] ** 2 - jet[PT2] - jet[PZ] ** 2))
