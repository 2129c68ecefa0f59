"""Simulate the detector of all simulated muons: tracks, impact parameters, isolation; columns as in PHYSLITE.

Efficiencies are those of the published Delphes ATLAS cards; d0 and z0 are measured as in `impact_resolution`. The
resolution of the momentum, which is better in the cards than in ATLAS, was set by hand to 50 prompt muons of genuine
ATLAS simulation: σ(q/p) by |η|, to about 10 %, and the imbalance of inner detector and spectrometer, to about 25 %. So
was the noise of isolation. Shares of medium and loose muons are guesses that the same few muons allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.detector.impact_resolution import BEAM_SPOT, POOR, Bools, Tracking, impact_errors
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.physics.kinematics import Floats
from lineshape.jobs.simulate.physics.muon_candidates import take
from lineshape.jobs.simulate.physics.true_muons import Ints, TrueMuons

MEV: Final = 1000.0
#: Collections, of one vertex an event, of muons and of their tracks in the same order.
VERTICES: Final = "PrimaryVerticesAuxDyn"
MUONS: Final = "AnalysisMuonsAuxDyn"
TRACKS: Final = "CombinedMuonTrackParticlesAuxDyn"
#: Acceptance, and below what pT in GeV a muon does not get through the calorimeter.
MAXIMUM_ETA: Final = 2.5
MINIMUM_PT: Final = 3.0
#: σ(pT)/pT = a ⊕ b·pT [1/GeV] in |η| below 0.5, 1.1, 1.5, 2.0 and 2.5.
REGIONS: Final = (0.5, 1.1, 1.5, 2.0)
INNER: Final = np.array([0.0125, 0.015, 0.019, 0.021, 0.029]), np.array([2.6, 2.7, 3.0, 3.8, 5.5]) * 1e-4
OUTER: Final = np.array([0.080, 0.080, 0.085, 0.070, 0.045]), np.array([1.1, 1.1, 1.4, 1.4, 1.8]) * 1e-4
#: The fit's uncertainty scatters by this about the resolution it should quote.
SPREAD: Final = 0.08
#: Of badly measured inner tracks it is larger: mean and width of the logarithm. In 1,300 genuine
#: tracks above 6 GeV, the 6 % whose σ(d0) is beyond 1.5 times its median have 1.4 times the σ(q/p) of the others.
WORSE: Final = (0.3, 0.3)
#: Spread of collisions along the beam, and resolution of the vertex along it; mm.
LUMINOUS_REGION: Final = 45.0
VERTEX: Final = 0.020
#: Response of topological clusters at the electromagnetic scale, its spread from jet to jet relative to it, and the
#: stochastic term of their energy. In 13 genuine muons of jets topoetcone20 is 0.80 of ptcone20, with a spread of 0.48,
#: and tracks above 1 GeV have about 0.55 of what is visible.
RESPONSE: Final = 0.5
RESPONSE_SPREAD: Final = 0.4
STOCHASTIC: Final = 0.6
#: Noise of pile-up within 0.2, and in the ring out to 0.3, GeV, at so many interactions; it grows as their root.
NOISE: Final = (1.2, 1.47)
NOISE_AT: Final = 37.0
#: Shares of muons that are loose for what is not simulated, and no better than medium; mismatches beyond so many σ are
#: loose as well.
LOOSE: Final = 0.03
MEDIUM: Final = 0.30
MISMATCH: Final = 7.0


@dataclass(frozen=True)
class _Momenta:
    """Momenta measured by inner detector, by spectrometer and combined, GeV.

    uncertainty: relative, of the combined one. significance: of the mismatch of the other two. sign: −1 where the track
    bends the wrong way.
    """

    inner: Floats
    outer: Floats
    combined: Floats
    uncertainty: Floats
    significance: Floats
    sign: Floats

    def of(self, rows: NDArray[np.bool_]) -> "_Momenta":
        """Return the momenta of some muons."""
        return _Momenta(*(getattr(self, field.name)[rows] for field in fields(self)))


def observe(
    muons: TrueMuons,
    events: Mapping[str, Floats],
    mu: Floats,
    rng: np.random.Generator,
    minimum_pt: float = 0.0,
    tracking: Tracking = "card",
) -> Sample:
    """Return reconstructed muons above a pT in GeV; events without one are left out.

    events: columns of one value an event, written as they are. mu: interactions per crossing, one value an event.
    tracking: source of the resolution of impact parameters.
    """
    muons = take(muons, _found(muons, rng))
    poor = rng.random(len(muons.pt)) < POOR
    momenta = _momenta(muons, poor, rng)
    kept = momenta.combined > minimum_pt
    muons, momenta, poor = take(muons, kept), momenta.of(kept), poor[kept]
    first = np.diff(muons.event, prepend=-1) != 0
    of = np.cumsum(first) - 1
    numbers = muons.event[first]
    vertex_z = rng.normal(0, LUMINOUS_REGION, len(numbers))
    flat = {name: values[numbers].astype(np.float32) for name, values in events.items()}
    flat["EventInfoAuxDyn.averageInteractionsPerCrossing"] = mu[numbers].astype(np.float32)
    charge = muons.charge * momenta.sign
    objects = {
        VERTICES: {"z": vertex_z + rng.normal(0, VERTEX, len(numbers)), "vertexType": np.ones(len(numbers))},
        MUONS: _muons(muons, momenta, charge, mu[muons.event], rng),
        TRACKS: _tracks(muons, momenta, charge, _impact(muons, poor, vertex_z, of, tracking, rng)),
    }
    counts = np.bincount(of, minlength=len(numbers))
    return Sample(
        flat,
        {name: _typed(columns) for name, columns in objects.items()},
        {VERTICES: np.ones_like(counts), MUONS: counts, TRACKS: counts},
    )


def _muons(
    muons: TrueMuons, momenta: _Momenta, charge: Floats, mu: Floats, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    cone20, cone30 = _isolation(muons, mu, rng)
    return {
        "pt": momenta.combined * MEV,
        "eta": muons.eta,
        "phi": muons.phi,
        "charge": charge,
        "InnerDetectorPt": momenta.inner * MEV,
        "MuonSpectrometerPt": momenta.outer * MEV,
        "topoetcone20": cone20 * MEV,
        "topoetcone30": cone30 * MEV,
        "truthType": muons.truth_type,
        "truthOrigin": muons.truth_origin,
        "quality": _quality(momenta.significance, rng),
        "muonType": np.zeros(len(charge)),
    }


def _tracks(
    muons: TrueMuons, momenta: _Momenta, charge: Floats, impact: tuple[Floats, Floats]
) -> dict[str, NDArray[Any]]:
    d0, z0 = impact
    p = momenta.combined * np.cosh(muons.eta) * MEV
    return {
        "d0": d0,
        "z0": z0,
        "vz": np.zeros(len(d0)),
        "theta": 2 * np.arctan(np.exp(-muons.eta)),
        "phi": muons.phi,
        "qOverP": charge / p,
        "qOverPVariance": (momenta.uncertainty / p) ** 2,
    }


#: Columns that hold whole numbers.
WHOLE: Final = {"vertexType", "charge", "truthType", "truthOrigin", "quality", "muonType"}


def _typed(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: values.astype(np.int32 if name in WHOLE else np.float32) for name, values in columns.items()}


def _found(muons: TrueMuons, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw whether muons are found: efficiency by |η| (Delphes ATLAS card), within the acceptance."""
    away = np.abs(muons.eta)
    efficiency = np.where(away < 1.5, 0.99, 0.98)
    seen = (away < MAXIMUM_ETA) & (np.minimum(muons.inner_pt, muons.outer_pt) > MINIMUM_PT)
    return np.asarray(seen & (rng.random(len(away)) < efficiency))


def _momenta(muons: TrueMuons, poor: Bools, rng: np.random.Generator) -> _Momenta:
    """Smear 1/pT, and combine the two measurements with weights from their fits' uncertainties.

    poor: whether a track is badly measured; its momentum in the inner detector is worse.
    """
    region = np.digitize(np.abs(muons.eta), REGIONS)
    inverse, quoted = [], []
    worse = np.where(poor, np.exp(rng.normal(*WORSE, len(poor))), 1.0)
    for pt, (constant, slope), factor in ((muons.inner_pt, INNER, worse), (muons.outer_pt, OUTER, 1.0)):
        relative = np.hypot(constant[region], slope[region] * pt)
        # An uncertainty that scatters is the pull's as well: the true width of each track is what its own fit says.
        relative = relative * factor * np.exp(SPREAD * rng.standard_normal(len(pt)))
        inverse.append((1 + relative * rng.standard_normal(len(pt))) / pt)
        quoted.append(relative / pt)
    weight = quoted[0] ** -2 / (quoted[0] ** -2 + quoted[1] ** -2)
    combined = weight * inverse[0] + (1 - weight) * inverse[1]
    uncertainty = np.sqrt(weight) * quoted[0]
    significance = np.abs(inverse[0] - inverse[1]) / np.hypot(*quoted)
    inner, outer, both = (1 / np.maximum(np.abs(values), 1e-5) for values in (*inverse, combined))
    return _Momenta(inner, outer, both, uncertainty * both, significance, np.where(combined < 0, -1.0, 1.0))


def _impact(
    muons: TrueMuons, poor: Bools, vertex_z: Floats, of: Ints, tracking: Tracking, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return d0 about the beam line, across which collisions are spread, and z0 from the origin of coordinates; mm."""
    x, y = rng.normal(0, BEAM_SPOT, (2, len(vertex_z)))
    off_d0, off_z0 = impact_errors(muons.pt, muons.eta, poor, tracking, rng)
    d0 = muons.d0 + y[of] * np.cos(muons.phi) - x[of] * np.sin(muons.phi) + off_d0
    return d0, muons.z0 + vertex_z[of] + off_z0


def _isolation(muons: TrueMuons, mu: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return topoetcone20 and 30: the calorimeter's response in cone and ring, and pile-up about its mean."""
    inner = _calorimeter(muons.etcone20, NOISE[0], mu, rng)
    ring = _calorimeter(np.maximum(muons.etcone30 - muons.etcone20, 0), NOISE[1], mu, rng)
    return inner, inner + ring


def _calorimeter(energy: Floats, noise: float, mu: Floats, rng: np.random.Generator) -> Floats:
    width = np.sqrt(STOCHASTIC**2 * energy + noise**2 * mu / NOISE_AT)
    response = RESPONSE * RESPONSE_SPREAD**2 * rng.standard_gamma(RESPONSE_SPREAD**-2, len(energy))
    return np.asarray(response * energy + width * rng.standard_normal(len(energy)))


def _quality(significance: Floats, rng: np.random.Generator) -> Ints:
    """Return 0 tight, 1 medium, 2 loose: by how well the momenta match, and at random for what is not simulated."""
    drawn = rng.random(len(significance))
    quality = np.where(drawn < MEDIUM, 1, 0)
    return np.where((significance > MISMATCH) | (drawn < LOOSE), 2, quality)
