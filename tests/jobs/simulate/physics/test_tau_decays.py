"""Decays of taus against Pythia 8: fractions, masses of ρ and a1, sharing of energy among charged and neutral pions."""

from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from lineshape.jobs.simulate.physics.tau_decays import CHANNELS, TAU_MASS, visible_decays

N = 200_000


@dataclass(frozen=True)
class Sample:
    """Per tau: charged and neutral pions, visible mass, charged share of the visible energy in the lab."""

    charged: np.ndarray
    neutral: np.ndarray
    mass: np.ndarray
    share: np.ndarray
    pions_only: np.ndarray

    def of(self, charged: int, neutral: int) -> np.ndarray:
        return (self.charged == charged) & (self.neutral == neutral) & self.pions_only


@pytest.fixture(scope="module")
def ours() -> Sample:
    decays = visible_decays(N, np.random.default_rng(5))
    p = decays.momenta
    total = p.sum(axis=1)
    mass = np.sqrt(total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1))
    # A fast tau along z: energies in the lab are in proportion to E + pz.
    lab = p[..., 3] + p[..., 2]
    filled = p[..., 3] > 0
    share = lab[:, :3].sum(axis=1) / lab.sum(axis=1)
    return Sample(filled[:, :3].sum(axis=1), filled[:, 3:].sum(axis=1), mass, share, np.ones(N, dtype=bool))


@pytest.fixture(scope="module")
def pythia(shared: Path) -> Sample:
    taus = ak.from_parquet(shared / "pythia" / "hadronic_taus.parquet")
    kind = abs(taus["id"])
    charged = (kind == 211) | (kind == 321)
    total = [ak.to_numpy(ak.sum(taus["p4"][..., i], axis=1)) for i in range(4)]
    mass = np.sqrt(np.maximum(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2, 0))
    share = ak.to_numpy(ak.sum(ak.where(charged, taus["p4"][..., 3], 0), axis=1)) / total[3]
    pions = ak.to_numpy(ak.all((kind == 211) | (kind == 111), axis=1))
    return Sample(ak.to_numpy(ak.sum(charged, axis=1)), ak.to_numpy(ak.sum(kind == 111, axis=1)), mass, share, pions)


def test_fractions_of_the_five_modes(ours: Sample, pythia: Sample) -> None:
    """Within 0.01 in absolute terms; the statistical errors are 0.002."""

    def fractions(sample: Sample) -> np.ndarray:
        one, three = sample.charged == 1, sample.charged == 3
        modes = [one & (sample.neutral == 0), one & (sample.neutral == 1), one & (sample.neutral > 1)]
        modes += [three & (sample.neutral == 0), three & (sample.neutral > 0)]
        counts = np.array([mode.sum() for mode in modes])
        return counts / counts.sum()

    assert fractions(ours) == pytest.approx(fractions(pythia), abs=0.01)


@pytest.mark.parametrize(
    ("charged", "neutral", "tolerance"), [(1, 1, 0.012), (1, 2, 0.045), (3, 0, 0.02), (3, 1, 0.045)]
)
def test_masses(ours: Sample, pythia: Sample, charged: int, neutral: int, tolerance: float) -> None:
    """Quartiles of the mass of ρ and a1, GeV. Pythia gives 2π⁰π and 3π different a1 shapes; here they share one."""
    quartiles = [np.quantile(s.mass[s.of(charged, neutral)], [0.25, 0.5, 0.75]) for s in (ours, pythia)]
    assert quartiles[0] == pytest.approx(quartiles[1], abs=tolerance)


@pytest.mark.parametrize(("charged", "neutral"), [(1, 1), (1, 2), (3, 1)])
def test_sharing_of_energy(ours: Sample, pythia: Sample, charged: int, neutral: int) -> None:
    """Mean and standard deviation of the charged share of the energy, within 0.02."""
    shares = [s.share[s.of(charged, neutral)] for s in (ours, pythia)]
    assert shares[0].mean() == pytest.approx(shares[1].mean(), abs=0.02)
    assert shares[0].std() == pytest.approx(shares[1].std(), abs=0.02)


def test_momentum_is_conserved(ours: Sample) -> None:
    """The hadrons recoil against a massless neutrino: E + |p| is the tau's mass."""
    p = visible_decays(20_000, np.random.default_rng(6)).momenta.sum(axis=1)
    assert p[:, 3] + np.linalg.norm(p[:, :3], axis=1) == pytest.approx(TAU_MASS, abs=1e-6)
    assert ours.mass.max() < TAU_MASS


def test_pions_are_on_their_mass_shell() -> None:
    p = visible_decays(20_000, np.random.default_rng(7)).momenta
    squared = p[..., 3] ** 2 - (p[..., :3] ** 2).sum(axis=-1)
    filled = p[..., 3] > 0
    expected = np.where(np.arange(6) < 3, 0.13957, 0.13498) ** 2
    assert np.abs(squared - expected)[filled].max() < 1e-6


def test_channels_make_up_all_decays() -> None:
    assert sum(channel.fraction for channel in CHANNELS) == pytest.approx(1.0, abs=1e-3)
