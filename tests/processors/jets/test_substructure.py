"""Variables of jets: against FastJet where it has them, and in closed form for a few particles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import vector

from lineshape.processors.jets.substructure import VARIABLES, substructure, trimmed

#: Numbers of constituents of the drawn jets: few, usual, many.
COUNTS = (1, 2, 3, 4, 5, 8, 20, 60, 60, 150, 300)


def jets(*particles: list[tuple[float, float, float, float]]) -> list[ak.Array]:
    """Momenta of jets of these particles, each by pT, y, φ and mass."""
    parts = []
    for pt, y, phi, mass in (np.array(own, dtype=float).reshape(-1, 4).T for own in particles):
        transverse = np.hypot(pt, mass)
        parts.append((pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(y), transverse * np.cosh(y)))
    return [ak.Array([part[i].tolist() for part in parts]) for i in range(4)]


def of(*particles: tuple[float, float, float, float], radius: float = 1.0) -> dict[str, float]:
    """Variables of one jet."""
    return {name: float(values[0]) for name, values in substructure(*jets([*particles]), radius).items()}


@pytest.fixture(scope="module")
def drawn() -> list[ak.Array]:
    """Jets of random particles, within R = 1 of an axis, with steep spectra."""
    random = np.random.default_rng(5)
    found = []
    for count in COUNTS * 6:
        y, phi = random.normal(0, 0.3, (2, count)) + np.array([[random.uniform(-2, 2)], [random.uniform(-3, 3)]])
        found.append([*zip(random.exponential(20, count) ** 1.5 + 0.5, y, phi, np.full(count, 0.1396), strict=True)])
    return jets(*found)


@pytest.fixture(scope="module")
def sequence(drawn: list[ak.Array]) -> Callable[..., Any]:
    """FastJet's clustering of them."""
    fastjet = pytest.importorskip("fastjet", reason="FastJet is not installed: pip install '.[pythia]'")
    vector.register_awkward()
    momenta = ak.zip(dict(zip(("px", "py", "pz", "E"), drawn, strict=True)), with_name="Momentum4D")
    return lambda algorithm, radius: fastjet.ClusterSequence(
        momenta, fastjet.JetDefinition(getattr(fastjet, f"{algorithm}_algorithm"), radius)
    )


def numbers(array: Any) -> np.ndarray[Any, Any]:
    return np.asarray(ak.to_numpy(ak.flatten(array, axis=None)))


def test_splitting_scales_are_fastjets(drawn: list[ak.Array], sequence: Callable[..., Any]) -> None:
    found, known = substructure(*drawn), sequence("kt", 1.5)
    counts = ak.to_numpy(ak.num(drawn[0]))
    for name, number in (("d12", 1), ("d23", 2)):
        there = counts > number
        expected = 1.5 * np.sqrt(numbers(known.exclusive_dmerge(number)))
        np.testing.assert_allclose(found[name][there], expected[there], rtol=1e-8)
        assert np.isnan(found[name][~there]).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", [1, 2, 3])
def test_subjettiness_is_fastjets(number: int, drawn: list[ak.Array], sequence: Callable[..., Any]) -> None:
    """Axes of exclusive kt by the winner; a jet of fewer particles has none left."""
    known = sequence("antikt", 10.0).njettiness(
        measure_definition="NormalizedMeasure", axes_definition="WTA_KT_Axes", njets=[number], beta=1.0, R0=1.0
    )
    found = substructure(*drawn)[f"tau{number}"]
    there = ak.to_numpy(ak.num(drawn[0])) > number
    np.testing.assert_allclose(found[there], numbers(known)[there], rtol=1e-8)
    assert np.allclose(found[~there], 0, atol=1e-12)


@pytest.mark.parametrize("name", ["c2", "d2"])
def test_correlators_are_fastjets(name: str, drawn: list[ak.Array], sequence: Callable[..., Any]) -> None:
    known = sequence("cambridge", 1000.0).exclusive_jets_energy_correlator(njets=1, func=name, beta=1.0)
    there = ak.to_numpy(ak.num(drawn[0])) > 2
    np.testing.assert_allclose(substructure(*drawn)[name][there], numbers(known)[there], rtol=1e-8)


def test_soft_drop_is_fastjets(drawn: list[ak.Array], sequence: Callable[..., Any]) -> None:
    known = sequence("cambridge", 1000.0).exclusive_jets_softdrop_grooming(njets=1, beta=0, symmetry_cut=0.1, R0=1.0)
    found = substructure(*drawn)
    np.testing.assert_allclose(found["m_sd"], numbers(known.msoftdrop), rtol=1e-6, atol=1e-5)
    split = np.isfinite(found["z_g"])
    np.testing.assert_allclose(found["z_g"][split], numbers(known.symmetrysoftdrop)[split], rtol=1e-8)
    np.testing.assert_allclose(found["r_g"][split], numbers(known.deltaRsoftdrop)[split], rtol=1e-8)


def test_trimming_keeps_what_fastjets_subjets_hold(drawn: list[ak.Array], sequence: Callable[..., Any]) -> None:
    """The momentum of what is kept is that of the inclusive kt subjets with at least 5 % of the jet's."""
    kept = trimmed(*drawn)
    subjets = sequence("kt", 0.2).inclusive_jets(min_pt=0)
    pt = np.hypot(*(ak.to_numpy(ak.sum(part, axis=1)) for part in drawn[:2]))
    hard = subjets[np.hypot(subjets.px, subjets.py) >= 0.05 * pt]
    for part, name in zip(drawn, ("px", "py", "pz", "E"), strict=True):
        np.testing.assert_allclose(ak.sum(part[kept], axis=1), ak.sum(hard[name], axis=1), rtol=1e-8, atol=1e-8)
    assert 0.2 < ak.mean(kept) < 0.99


def test_two_particles() -> None:
    """Of momenta 60 and 40 GeV, 0.5 apart."""
    found = of((60, 0.1, 0.2, 0), (40, 0.4, 0.6, 0))
    apart = np.hypot(0.3, 0.4)
    assert found["d12"] == pytest.approx(40 * apart)
    assert found["kt_dr"] == pytest.approx(apart)
    assert found["tau1"] == pytest.approx(40 * apart / 100)
    assert found["tau2"] == pytest.approx(0, abs=1e-9)
    assert found["ecf2"] == pytest.approx(60 * 40 * apart)
    assert found["c1"] == pytest.approx(0.6 * 0.4 * apart**0.2)
    assert (found["ecf3"], found["d2"]) == (0, 0)
    mass = np.sqrt(2 * 60 * 40 * (np.cosh(0.3) - np.cos(0.4)))
    assert found["m"] == pytest.approx(mass)
    assert found["zcut12"] == pytest.approx((40 * apart) ** 2 / ((40 * apart) ** 2 + mass**2))
    assert found["ptd"] == pytest.approx(np.hypot(0.6, 0.4))
    assert found["m_sd"] == pytest.approx(mass)
    assert (found["z_g"], found["r_g"]) == (pytest.approx(0.4), pytest.approx(apart))
    # In the rest frame they are back to back: no event is thinner.
    assert found["thrust_major"] == pytest.approx(1)
    assert found["thrust_minor"] == pytest.approx(0, abs=1e-6)
    assert found["fox_wolfram"] == pytest.approx(1)
    assert found["sphericity"] == pytest.approx(0, abs=1e-9)
    assert found["planar_flow"] == pytest.approx(0, abs=1e-9)


def test_a_soft_particle_far_away_is_dropped() -> None:
    found = of((95, 0, 0, 0.14), (4, 0.7, 0, 0.14))
    assert found["m_sd"] == pytest.approx(0.14, rel=1e-4)
    assert np.isnan(found["z_g"])


def test_a_ring_has_the_planar_flow_of_a_disc() -> None:
    """Eight particles around an axis, all alike: both eigenvalues are equal."""
    angles = 2 * np.pi * np.arange(8) / 8
    found = of(*[(10, 0.05 * np.cos(a), 0.05 * np.sin(a), 0) for a in angles])
    assert found["planar_flow"] == pytest.approx(1, abs=0.01)
    assert found["width"] == pytest.approx(0.05, rel=0.01)
    assert found["lha"] == pytest.approx(np.sqrt(0.05), rel=0.01)


def test_rest_frame_variables_do_not_know_of_the_boost() -> None:
    """A decay in the rest frame into six directions along the axes, and the same along z."""
    along = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=float) * 30
    for boost in (0.5, 0.95):
        gamma = 1 / np.sqrt(1 - boost**2)
        # The boost is along x, so that the jet has a transverse momentum.
        energy = np.linalg.norm(along, axis=1)
        px = gamma * (along[:, 0] + boost * energy)
        parts = [
            ak.Array([each.tolist()]) for each in (px, along[:, 1], along[:, 2], gamma * (energy + boost * along[:, 0]))
        ]
        found = {name: float(values[0]) for name, values in substructure(*parts).items()}
        assert found["m"] == pytest.approx(180)
        assert found["sphericity"] == pytest.approx(1)
        assert found["aplanarity"] == pytest.approx(0.5)
        # Three pairs back to back (P2 = 1) and twelve at right angles (P2 = −1/2).
        assert found["fox_wolfram"] == pytest.approx((3 - 6) / 15)


def test_no_other_axis_has_more_thrust(drawn: list[ak.Array]) -> None:
    """Of 5,000 at random, in the rest frames, for all jets but those with several maxima of nearly the same height."""
    random = np.random.default_rng(2)
    axes = random.normal(size=(5000, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    found = substructure(*drawn)["thrust_major"]
    for jet, own in enumerate(found):
        parts = np.stack([ak.to_numpy(part[jet]) for part in drawn], axis=1)
        if len(parts) < 2:
            continue
        total = parts.sum(axis=0)
        mass = np.sqrt(total[3] ** 2 - (total[:3] ** 2).sum())
        beta, gamma = total[:3] / total[3], total[3] / mass
        along = parts[:, :3] @ beta
        rest = parts[:, :3] + beta * (gamma**2 / (gamma + 1) * along - gamma * parts[:, 3])[:, None]
        best = np.abs(rest @ axes.T).sum(axis=0).max() / np.linalg.norm(rest, axis=1).sum()
        assert own > best - 0.01


def test_what_is_not_defined_is_nan() -> None:
    """One particle, none, and one that is no number."""
    one = of((50, 0.3, 1.0, 0.14))
    assert (one["pt"], one["n"], one["m"]) == (pytest.approx(50), 1, pytest.approx(0.14, rel=1e-4))
    assert all(np.isnan(one[name]) for name in ("tau21", "tau32", "d2", "c2", "d12", "kt_dr", "q_w", "fox_wolfram"))
    none = of()
    assert none["n"] == 0
    assert all(np.isnan(none[name]) for name in VARIABLES if name != "n")
    bad = of((50, 0.3, 1.0, 0.14), (np.nan, 0.3, 1.0, 0.14))
    assert all(np.isnan(value) for value in bad.values())


def test_it_is_what_pythias_jets_have(shared: Path) -> None:
    """Medians of trimmed jets by class; those of the published sample's reference."""
    import pyarrow.parquet as pq

    names = ["label", "jet_pt", "part_in_jet", "part_px", "part_py", "part_pz", "part_E"]
    table = pq.read_table(shared / "jets" / "large_r_truth.parquet", columns=names).slice(0, 9000)
    whole = ak.from_arrow(table)
    chosen = (whole.jet_pt > 400) & (whole.jet_pt < 700)
    whole = whole[chosen]
    inside = ak.Array(ak.to_list(whole.part_in_jet))
    parts = [
        ak.values_astype(ak.Array(ak.to_list(whole[f"part_{name}"])), np.float64)[inside]
        for name in ("px", "py", "pz", "E")
    ]
    kept = trimmed(*parts)
    found = substructure(*(part[kept] for part in parts))
    labels = np.asarray(ak.to_list(whole.label))
    for label, mass, tau21 in (("q", 30.8, 0.604), ("g", 62.8, 0.549), ("W", 80.2, 0.243)):
        own = labels == label
        assert np.nanmedian(found["m"][own]) == pytest.approx(mass, rel=0.12)
        assert np.nanmedian(found["tau21"][own]) == pytest.approx(tau21, rel=0.08)
