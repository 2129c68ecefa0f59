"""Reconstruct simulated tau decays as ATLAS does: estimates of pT and the inputs of its calibration.

Three estimates follow the chain of ATLAS (athena, tauRecTools): the calorimeter's (local hadronic calibration, pile-up
subtracted, divided by a response function), particle flow's (tracks and selected neutral pions), and their combination:
a correlated weighted mean per decay mode and η that falls back to the calorimeter where the two disagree by more than
N_SIGMA. The constants of these steps are derived once from a calibration sample of the same simulation, as an
experiment derives them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.tau_decays import MODE_FRACTIONS
from lineshape.jobs.simulate.taus.observation import Observed, PileUpDensity, Truth

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Statistic = Callable[[Floats], float]

ETA_EDGES: Final = np.array([0.0, 0.3, 0.8, 1.3, 1.6, 2.5])
PT_EDGES: Final = np.array([0.0, 15, 20, 25, 30, 40, 50, 65, 80, 100, 130, 170, 250, 400, 800])
RATIO_EDGES: Final = np.linspace(0.0, 1.0, 26)
MODES: Final = 5
ETAS: Final = len(ETA_EDGES) - 1
PTS: Final = len(PT_EDGES)
#: Beyond this many standard deviations between the two, the combination takes the calorimeter's estimate.
N_SIGMA: Final = 5.5
MEAN_VERTICES: Final = 21.2


@dataclass(frozen=True)
class Calibration:
    """Constants of the reconstruction, each derived from a calibration sample.

    pile_up_slope: GeV per vertex, by prong (1, 3) and η.
    response: calorimeter over true pT by prong, η and calorimeter pT.
    bias, width: of calorimeter and particle flow (0, 1) over true pT, by mode, η and calorimeter pT.
    correlation: between the two, by mode and η.
    mode_probability: of the five modes given tracks (1, 2, 3 and more), neutral pions (0, 1, 2 and more) and their
    share of the energy.
    """

    pile_up_slope: Floats
    response: Floats
    bias: Floats
    width: Floats
    correlation: Floats
    mode_probability: Floats


@dataclass(frozen=True)
class Estimates:
    """Calibrated estimates of pT in GeV and the decay-mode probabilities (n, 5)."""

    calorimeter: Floats
    particle_flow: Floats
    combined: Floats
    mode_probability: Floats


def derive(observed: Observed, truth: Truth, pile_up: PileUpDensity) -> Calibration:
    """Derive the constants of the reconstruction from a calibration sample."""
    prong, eta_bin = _prong(observed), _eta_bin(observed.eta)
    slope = np.zeros((2, ETAS))
    for p in range(2):
        for e in range(ETAS):
            rows = (prong == p) & (eta_bin == e) & (truth.pt < 100)
            excess = np.clip((observed.calo_pt - truth.pt)[rows], -15, 25)
            slope[p, e] = np.polyfit(pile_up.vertices[rows], excess, 1)[0]
    subtracted = _subtract(observed, pile_up, slope)
    pt_bin = _pt_bin(subtracted)
    response = _binned(subtracted / truth.pt, (prong, eta_bin, pt_bin), (2, ETAS, PTS), _median)
    calorimeter = _calorimeter(observed, pile_up, slope, response)
    particle_flow = observed.charged_pt + observed.neutral_pt
    probability = _mode_table(observed, truth)
    mode = _mode_probability(observed, probability).argmax(axis=1)
    cells = (mode, eta_bin, _pt_bin(observed.calo_pt))
    shape = (MODES, ETAS, PTS)
    ratios = np.stack([calorimeter, particle_flow]) / truth.pt
    bias = np.stack([_binned(ratio, cells, shape, _median) for ratio in ratios])
    width = np.stack([_binned(ratio, cells, shape, _half_68) for ratio in ratios])
    pulls = (ratios - bias[:, *cells]) / width[:, *cells]
    clipped = np.clip(pulls, -3, 3)
    product = _binned(clipped[0] * clipped[1], (mode, eta_bin), (MODES, ETAS), _mean)
    norm = [_binned(pull**2, (mode, eta_bin), (MODES, ETAS), _mean) for pull in clipped]
    correlation = (product / np.sqrt(norm[0] * norm[1])).clip(-0.9, 0.9)
    return Calibration(slope, response, bias, width, correlation, probability)


def reconstruct(observed: Observed, pile_up: PileUpDensity, constants: Calibration) -> Estimates:
    """Return calibrated estimates: calorimeter, particle flow and their combination."""
    calorimeter = _calorimeter(observed, pile_up, constants.pile_up_slope, constants.response)
    particle_flow = observed.charged_pt + observed.neutral_pt
    probability = _mode_probability(observed, constants.mode_probability)
    mode, eta_bin = probability.argmax(axis=1), _eta_bin(observed.eta)
    cells = (mode, eta_bin, _pt_bin(observed.calo_pt))
    corrected = np.stack([calorimeter, particle_flow]) / constants.bias[:, *cells]
    sigma = constants.width[:, *cells] * corrected.clip(1.0)
    rho = constants.correlation[mode, eta_bin]
    covariance = rho * sigma[0] * sigma[1]
    denominator = sigma[0] ** 2 + sigma[1] ** 2 - 2 * covariance
    weight = ((sigma[1] ** 2 - covariance) / np.maximum(denominator, 1e-9)).clip(0, 1)
    mean = weight * corrected[0] + (1 - weight) * corrected[1]
    disagree = np.abs(corrected[0] - corrected[1]) > N_SIGMA * np.sqrt(np.maximum(denominator, 1e-9))
    return Estimates(calorimeter, particle_flow, np.where(disagree, calorimeter, mean), probability)


def _subtract(observed: Observed, pile_up: PileUpDensity, slope: Floats) -> Floats:
    offset = slope[_prong(observed), _eta_bin(observed.eta)] * (pile_up.vertices - MEAN_VERTICES)
    return np.asarray((observed.calo_pt - offset).clip(1.0))


def _calorimeter(observed: Observed, pile_up: PileUpDensity, slope: Floats, response: Floats) -> Floats:
    subtracted = _subtract(observed, pile_up, slope)
    return np.asarray(subtracted / response[_prong(observed), _eta_bin(observed.eta), _pt_bin(subtracted)])


def _mode_table(observed: Observed, truth: Truth) -> Floats:
    """Return P(mode | tracks, neutral pions, their share), the output of a classifier trained on these.

    It is trained on the modes as they occur in decays, without the threshold in pT, that favours many pions.
    """
    table = np.full((3, 3, len(RATIO_EDGES) - 1, MODES), 0.3)
    np.add.at(table, (*_mode_cells(observed), truth.mode.astype(np.int64)), 1.0)
    table *= MODE_FRACTIONS / np.bincount(truth.mode, minlength=MODES)
    return np.asarray(table / table.sum(axis=-1)[..., np.newaxis])


def _mode_probability(observed: Observed, table: Floats) -> Floats:
    return np.asarray(table[_mode_cells(observed)])


def _mode_cells(observed: Observed) -> tuple[Ints, Ints, Ints]:
    share = observed.neutral_pt / np.maximum(observed.neutral_pt + observed.charged_pt, 1e-6)
    share_bin = np.clip(np.digitize(share, RATIO_EDGES) - 1, 0, len(RATIO_EDGES) - 2)
    return np.clip(observed.tracks, 1, 3) - 1, np.clip(observed.neutral_count, 0, 2), share_bin


def _prong(observed: Observed) -> Ints:
    return (observed.tracks > 1).astype(np.int64)


def _eta_bin(eta: Floats) -> Ints:
    return np.clip(np.digitize(np.abs(eta), ETA_EDGES) - 1, 0, ETAS - 1)


def _pt_bin(pt: Floats) -> Ints:
    return np.clip(np.digitize(pt, PT_EDGES) - 1, 0, PTS - 1)


def _binned(values: Floats, cells: tuple[Ints, ...], shape: tuple[int, ...], statistic: Statistic) -> Floats:
    """Return a statistic in each cell; cells with fewer than 30 taus take that of all taus."""
    flat = np.ravel_multi_index(cells, shape)
    order = np.argsort(flat, kind="stable")
    edges = np.searchsorted(flat[order], np.arange(int(np.prod(shape)) + 1))
    overall = statistic(values)
    result = [statistic(values[order[low:high]]) if high - low >= 30 else overall for low, high in pairwise(edges)]
    return np.array(result).reshape(shape)


def _median(values: Floats) -> float:
    return float(np.median(values))


def _mean(values: Floats) -> float:
    return float(np.mean(values))


def _half_68(values: Floats) -> float:
    low, high = np.quantile(values, [0.16, 0.84])
    return float((high - low) / 2)
