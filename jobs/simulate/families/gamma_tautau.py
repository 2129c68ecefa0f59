"""Simulate γ*→ττ with hadronic taus, as an ATLAS-like ntuple: the sample of the tau energy scale study."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.jagged import Jagged
from lineshape.jobs.simulate.family import Family, Sample
from lineshape.jobs.simulate.physics.kinematics import boost_along_z
from lineshape.jobs.simulate.physics.spectrum import power_law
from lineshape.jobs.simulate.physics.tau_decays import TAU_MASS, visible_decays
from lineshape.jobs.simulate.taus import constituents, reconstruction
from lineshape.jobs.simulate.taus.observation import Observed, PileUpDensity, Truth, observe

Floats = NDArray[np.float64]

MEV = 1000.0


class GammaTauTau(Family):
    """Pairs of taus of equal pT with a falling spectrum; hadronic decays above a visible pT.

    Pile-up: mu is a clipped Gaussian, vertices and median density follow from it.
    """

    index: float = 1.69
    """Exponent of the taus' pT spectrum, dN/dpT ∝ pT^-index."""
    minimum_pt: float = 10.0
    """Lowest pT of taus, and lowest visible pT of their hadronic decays, GeV."""
    maximum_pt: float = 4500.0
    """End of the taus' pT spectrum, GeV. It lies beyond a TeV so that both the mean and the standard deviation of the
    real sample (111 and 300 GeV) can be met.
    """
    mu_mean: float = 37.0
    """Mean of the number of interactions per crossing, a Gaussian clipped to 1–85."""
    mu_width: float = 13.0
    """Standard deviation of the number of interactions per crossing, before it is clipped."""
    seed_pt: float = 6.0
    """Calorimeter pT above which a tau is reconstructed, GeV, after local calibration and with pile-up in the cone."""
    constituents: bool = False
    """Whether the tracks and clusters of each tau are written too. The taus are the same with and without."""

    unit: ClassVar[str] = "taus"
    batch: ClassVar[int] = 60_000
    hadronic_fraction: ClassVar[float] = 0.648

    def generate(self, amount: int, rng: np.random.Generator) -> Sample:
        """Generate events with this many reconstructed hadronic taus in all; momenta in MeV, angles in radians."""
        # A generator of its own, so that the taus are the same with and without their constituents.
        own = rng.spawn(1)[0]
        constants = _calibration(self)
        parts: list[_Taus] = []
        found = 0
        while found < amount:
            wanted = min(self.batch, int(1.75 * (amount - found)) + 100)
            parts.append(self._reconstructed(wanted, constants, rng, own))
            found += len(parts[-1].event)
        return _as_events(_Taus.joined(parts, amount))

    def _reconstructed(
        self, decays: int, constants: reconstruction.Calibration, rng: np.random.Generator, own: np.random.Generator
    ) -> "_Taus":
        truth, pile_up, event = self._true_taus(decays, rng)
        observed = observe(truth, pile_up, rng)
        estimates = reconstruction.reconstruct(observed, pile_up, constants)
        kept = (observed.tracks > 0) & (observed.calo_pt > self.seed_pt)
        columns = _columns(truth, pile_up, observed, estimates)
        lists = {}
        if self.constituents:
            lists = {
                "TauTracksAuxDyn": constituents.tracks(truth, observed, own)[kept],
                "TauClustersAuxDyn": constituents.clusters(truth, observed, own)[kept],
            }
            columns["nClusters"] = np.zeros(len(kept))
            columns["nClusters"][kept] = np.diff(lists["TauClustersAuxDyn"].offsets)
        return _Taus(event[kept], {name: values[kept] for name, values in columns.items()}, lists)

    def _true_taus(self, decays: int, rng: np.random.Generator) -> tuple[Truth, PileUpDensity, NDArray[np.int64]]:
        """Draw hadronic taus with a visible pT above the minimum, their pile-up and their event's number."""
        # Of the pairs with a hadronic decay, h/(2 − h) have two.
        both = rng.random(decays) < self.hadronic_fraction / (2 - self.hadronic_fraction)
        event = np.repeat(np.arange(decays), 1 + both)[:decays]
        events = int(event[-1]) + 1
        tau_pt = power_law(self.index, self.minimum_pt, self.maximum_pt, events, rng)[event]
        second = np.diff(event, prepend=-1) == 0
        phi = (rng.uniform(-np.pi, np.pi, events)[event] + np.pi * second) % (2 * np.pi) - np.pi
        eta = _pseudorapidity(decays, rng)
        mu = rng.normal(self.mu_mean, self.mu_width, events).clip(1, 85)
        # Close vertices merge, the more of them there are the more often.
        separate = rng.poisson(0.72 * mu)
        vertices = rng.binomial(separate, 1 / (1 + 0.008 * separate)).astype(np.float64)
        density = (0.627 * mu + 0.9 * np.sqrt(mu) * rng.standard_normal(events)).clip(0.3)

        taus = visible_decays(decays, rng)
        momentum = tau_pt * np.cosh(eta)
        lab = boost_along_z(taus.momenta, np.hypot(momentum, TAU_MASS) / TAU_MASS, momentum / TAU_MASS)
        lab = _towards(lab, eta, phi)
        visible = lab.sum(axis=1)
        pt = np.hypot(visible[:, 0], visible[:, 1])
        kept = pt > self.minimum_pt
        truth = Truth(
            lab[kept],
            taus.mode[kept],
            pt[kept],
            np.arcsinh(visible[kept, 2] / pt[kept]),
            np.arctan2(visible[kept, 1], visible[kept, 0]),
        )
        of = event[kept]
        pile_up = PileUpDensity(mu[of], vertices[of], density[of])
        return truth, pile_up, of


@dataclass(frozen=True)
class _Taus:
    """Taus: the number of each one's event, columns, and lists of tracks and clusters."""

    event: NDArray[np.int64]
    columns: dict[str, Floats]
    lists: dict[str, Jagged]

    @classmethod
    def joined(cls, parts: "list[_Taus]", most: int) -> "_Taus":
        """Concatenate taus, at most this many in all; event numbers continue from part to part."""
        first = np.cumsum([0] + [int(part.event[-1]) + 1 if len(part.event) else 0 for part in parts])
        event = np.concatenate([part.event + start for part, start in zip(parts, first, strict=False)])[:most]
        columns = {name: np.concatenate([part.columns[name] for part in parts])[:most] for name in parts[0].columns}
        lists = {name: Jagged.joined([part.lists[name] for part in parts]) for name in parts[0].lists}
        return cls(event, columns, {name: each[np.arange(len(event))] for name, each in lists.items()})


@lru_cache
def _calibration(family: GammaTauTau) -> reconstruction.Calibration:
    """Derive the constants of the reconstruction from 150,000 decays with a seed of their own."""
    rng = np.random.default_rng(425200)
    truth, pile_up, _ = family._true_taus(150_000, rng)
    observed = observe(truth, pile_up, rng)
    return reconstruction.derive(observed, truth, pile_up)


def _pseudorapidity(n: int, rng: np.random.Generator) -> Floats:
    """Draw η within ±2.5, somewhat more central than flat: 1 − 0.4 (η/2.5)²."""
    grid = np.linspace(-1, 1, 2001)
    cumulative = grid - 0.4 * grid**3 / 3
    cumulative = (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0])
    return np.asarray(2.5 * np.interp(rng.random(n), cumulative, grid))


def _towards(momenta: Floats, eta: Floats, phi: Floats) -> Floats:
    """Turn (n, bodies, 4) from the z axis to (η, φ)."""
    cosine, sine = np.tanh(eta), 1 / np.cosh(eta)
    x, y, z = momenta[..., 0], momenta[..., 1], momenta[..., 2]
    cosine, sine, phi = cosine[:, np.newaxis], sine[:, np.newaxis], phi[:, np.newaxis]
    tilted = cosine * x + sine * z
    turned = np.empty_like(momenta)
    turned[..., 0] = np.cos(phi) * tilted - np.sin(phi) * y
    turned[..., 1] = np.sin(phi) * tilted + np.cos(phi) * y
    turned[..., 2] = cosine * z - sine * x
    turned[..., 3] = momenta[..., 3]
    return turned


def _columns(
    truth: Truth,
    pile_up: PileUpDensity,
    observed: Observed,
    estimates: reconstruction.Estimates,
) -> dict[str, Floats]:
    charged, neutral = observed.charged_pt, observed.neutral_pt
    both = charged + neutral
    probability = {f"NNDecayModeProb_{name}": estimates.mode_probability[:, i] for i, name in enumerate(MODE_NAMES)}
    return {
        "mu": pile_up.mu,
        "vertices": pile_up.vertices,
        "density": pile_up.density * MEV,
        "eta": observed.eta,
        "phi": observed.phi,
        "nTracks": observed.tracks.astype(np.float64),
        "ptIntermediateAxis": observed.calo_pt * MEV,
        "ptIntermediateAxisEM": observed.calo_em_pt * MEV,
        "ptTauEnergyScale": estimates.calorimeter * MEV,
        "ptPanTauCellBased": estimates.particle_flow * MEV,
        "etaPanTauCellBased": observed.eta,
        "ptCombined": estimates.combined * MEV,
        "ClustersMeanCenterLambda": observed.centre,
        "ClustersMeanFirstEngDens": observed.log_density,
        "ClustersMeanSecondLambda": observed.second_lambda,
        "ClustersMeanPresamplerFrac": observed.presampler,
        "ClustersMeanEMProbability": observed.em_probability,
        "PFOEngRelDiff": np.divide(charged - neutral, both, out=np.zeros_like(both), where=both > 0),
        **probability,
        **_pantau_scores(estimates.mode_probability),
        "truthPtVis": truth.pt * MEV,
        "truthEtaVis": truth.eta,
        "truthPhiVis": truth.phi,
        "truthDecayMode": truth.mode.astype(np.float64),
    }


MODE_NAMES = ("1p0n", "1p1n", "1pXn", "3p0n", "3pXn")
#: Columns of the ntuple that hold whole numbers.
WHOLE = {"nTracks", "nClusters", "truthDecayMode"}
#: Columns of each track and cluster.
CONSTITUENTS = {"TauTracksAuxDyn": constituents.TRACK, "TauClustersAuxDyn": constituents.CLUSTER}


def _pantau_scores(probability: Floats) -> dict[str, Floats]:
    """Return PanTau's three pairwise scores, −1 … 1: the larger, the more like the second of the two decay modes."""
    pairs = {"1p0n_vs_1p1n": (0, 1), "1p1n_vs_1pXn": (1, 2), "3p0n_vs_3pXn": (3, 4)}
    scores = {}
    for name, (first, second) in pairs.items():
        both = probability[:, first] + probability[:, second]
        scores[f"PanTau_BDTValue_{name}"] = (probability[:, second] - probability[:, first]) / np.maximum(both, 1e-9)
    return scores


def _as_events(taus: _Taus) -> Sample:
    """Turn columns by tau into columns by event and jagged ones by tau, with the ntuple's branch names.

    The tracks and clusters of an event are those of its first tau, of its second, …; nTracks and nClusters count them.
    """
    columns = dict(taus.columns)
    _, first, counts = np.unique(taus.event, return_index=True, return_counts=True)
    flat = {
        "EventInfoAuxDyn.averageInteractionsPerCrossing": columns.pop("mu")[first].astype(np.float32),
        "EventInfoAuxDyn.nVtxPU": columns.pop("vertices")[first].astype(np.int32),
        "Kt4LCTopoOriginEventShapeAuxDyn.Density": columns.pop("density")[first].astype(np.float32),
    }
    objects = {
        "TauJetsAuxDyn": {
            name: values.astype(np.int32 if name in WHOLE else np.float32) for name, values in columns.items()
        }
    }
    numbers = {"TauJetsAuxDyn": counts}
    for collection, lists in taus.lists.items():
        unit = np.array([MEV if name.startswith("pt") else 1.0 for name in CONSTITUENTS[collection]])
        content = (lists.content * unit).astype(np.float32)
        objects[collection] = {name: content[:, i] for i, name in enumerate(CONSTITUENTS[collection])}
        numbers[collection] = np.add.reduceat(np.diff(lists.offsets), first)
    return Sample(flat, objects, numbers)
