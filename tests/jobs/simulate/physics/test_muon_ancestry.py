"""Ancestors of muons in event records written by hand."""

import numpy as np
import pytest

from lineshape.jobs.simulate.physics.muon_ancestry import ancestry, is_charged, is_hadron
from lineshape.jobs.simulate.physics.true_muons import FAKE, PROMPT, TAU

#: Chains from a proton, the beam, to a muon: their ids, and origin, type and origin of the truth, the hadron's id.
CHAINS: dict[str, tuple[list[int], int, int, int, int]] = {
    "t→W→μ": ([2212, 21, 6, 6, 24, -13], PROMPT, 6, 10, 0),
    "W→μ": ([2212, 2, 24, 24, -13], PROMPT, 6, 12, 0),
    "Z→μ, which radiates twice": ([2212, 2, 23, 13, 13, 13], PROMPT, 6, 13, 0),
    "a photon of the shower": ([2212, 2, 22, 13], PROMPT, 6, 5, 0),
    "W→τ→μ, both copied": ([2212, 2, 24, 24, -15, -15, -13, -13], TAU, 6, 9, 0),
    "t→W→τ→μ": ([2212, 21, 6, 24, -15, -13], TAU, 6, 9, 0),
    "γ*/Z→τ→μ": ([2212, 2, 23, 15, 13], TAU, 6, 9, 0),
    "t→b→B→μ": ([2212, 21, 6, 5, -511, 13], FAKE, 7, 26, -511),
    "B→D→μ": ([2212, 21, 5, 521, -421, 13], FAKE, 7, 25, -421),
    "B→D*→D→μ": ([2212, 21, 5, 511, -413, -411, 13], FAKE, 7, 25, -411),
    "B→τ→μ": ([2212, 21, 5, 521, -15, -13], FAKE, 7, 26, 521),
    "Ds→τ→μ": ([2212, 21, 4, 431, -15, -15, -13], FAKE, 7, 25, 431),
    "Λb→μ": ([2212, 21, 5, 5122, 13], FAKE, 7, 33, 5122),
    "Λc→μ": ([2212, 21, 4, 4122, -13], FAKE, 7, 32, 4122),
    "B→J/ψ→μ": ([2212, 21, 5, 511, 443, 13], FAKE, 7, 28, 443),
    "ψ(2S)→μ": ([2212, 21, 100443, 13], FAKE, 8, 27, 100443),
    "Υ→μ": ([2212, 21, 553, 13], FAKE, 8, 29, 553),
    "π→μ": ([2212, 1, 213, 211, -13], FAKE, 8, 34, 211),
    "KS→π→μ": ([2212, 1, 311, 310, -211, 13], FAKE, 8, 34, -211),
    "K→μ": ([2212, 1, -321, 13], FAKE, 8, 35, -321),
    "KL→μ": ([2212, 1, 311, 130, 13], FAKE, 8, 24, 130),
    "φ→μ": ([2212, 1, 333, 13], FAKE, 8, 23, 333),
    "Ξ→μ": ([2212, 1, 3312, 13], FAKE, 8, 31, 3312),
    "W→qq→D→μ": ([2212, 2, 24, 4, 421, -13], FAKE, 7, 25, 421),
}


@pytest.fixture(scope="module")
def record() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All chains in one record, each an event: ids, mothers, the positions of the muons."""
    ids, mothers, muons = [], [], []
    for chain, *_ in CHAINS.values():
        start = len(ids)
        ids += chain
        mothers += [max(start, start + i - 1) for i in range(len(chain))]
        muons.append(len(ids) - 1)
    return np.array(ids), np.array(mothers), np.array(muons)


@pytest.mark.parametrize("name", CHAINS)
def test_origins(record: tuple[np.ndarray, np.ndarray, np.ndarray], name: str) -> None:
    ids, mother, muons = record
    found = ancestry(ids, mother, muons)
    at = list(CHAINS).index(name)
    hadron = ids[found.hadron[at]] if found.hadron[at] >= 0 else 0
    assert (found.origin[at], found.truth_type[at], found.truth_origin[at], hadron) == CHAINS[name][1:]


def test_order_does_not_matter(record: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    ids, mother, muons = record
    found, turned = ancestry(ids, mother, muons), ancestry(ids, mother, muons[::-1])
    assert found.truth_origin.tolist() == turned.truth_origin[::-1].tolist()
    assert found.hadron.tolist() == turned.hadron[::-1].tolist()


def test_no_muons() -> None:
    found = ancestry(np.array([2212, 1]), np.array([0, 0]), np.array([], dtype=np.int64))
    assert len(found.origin) == len(found.truth_type) == len(found.truth_origin) == len(found.hadron) == 0


def test_hadrons() -> None:
    """Partons, leptons, bosons and diquarks are none."""
    assert is_hadron(np.array([111, 211, 130, 310, 443, 100443, 2212, 5122, 10411, -321])).all()
    assert not is_hadron(np.array([1, 5, 6, 11, 13, 15, 21, 22, 23, 24, 90, 2101, 5503, 990])).any()


def test_charges_are_those_of_the_quarks() -> None:
    charged = [211, -321, 411, 431, 521, 541, 2212, 3112, 3222, 3312, 4122, 5132, 213, 413, 2224]
    neutral = [111, 130, 310, 311, -313, 421, 511, 531, 443, 2112, 3122, 3212, 3322, 5122, 4132, 113, 2114]
    assert is_charged(np.array(charged)).all()
    assert not is_charged(np.array(neutral)).any()
