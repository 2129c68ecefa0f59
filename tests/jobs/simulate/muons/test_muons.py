"""Simulated muons against Pythia 8's true ones, against closed forms, and what the detector makes of them.

All seeds are fixed. With 20 other seeds none of the comparisons with Pythia raised a false alarm, and the limit that is
nearest to their means was three standard deviations away: about one alarm in a hundred seeds.
"""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from lineshape.jobs.simulate.families.stau_pairs import StauPairs
from lineshape.jobs.simulate.families.ttbar import TTbar
from lineshape.jobs.simulate.families.w_lnu import WLnu
from lineshape.jobs.simulate.families.w_star import WStar
from lineshape.jobs.simulate.families.z_ll import ZLl
from lineshape.jobs.simulate.family import Sample
from lineshape.jobs.simulate.muons.light_hadrons import light_hadron_muons
from lineshape.jobs.simulate.muons.muon_detector import MEV, MUONS, TRACKS, VERTICES, observe
from lineshape.jobs.simulate.muons.muon_family import MuonFamily
from lineshape.jobs.simulate.physics.kinematics import massive
from lineshape.jobs.simulate.physics.lepton_decays import TAU_FLIGHT, flight, impact, muons_of_taus
from lineshape.jobs.simulate.physics.muon_candidates import LIGHT, HardJets
from lineshape.jobs.simulate.physics.tau_decays import TAU_MASS
from lineshape.jobs.simulate.physics.true_muons import TrueMuons
from lineshape.jobs.simulate.physics.weak_decays import weak_decay
from lineshape.jobs.simulate.writing import to_branches
from tests.benchmarks import muons as benchmark

FAMILIES = (TTbar(), ZLl(), WLnu(), WStar(), StauPairs())
EVENTS = 100_000
QUARTILES = (0.25, 0.5, 0.75)


@pytest.fixture(scope="module")
def table(shared: Path) -> Path:
    return shared / "pythia" / "muons.parquet"


@pytest.fixture(scope="module")
def fast() -> dict[str, dict[str, benchmark.Muons]]:
    """True muons above 10 GeV by process and origin."""
    return {process: benchmark.fast(process, EVENTS, 10.0) for process in benchmark.PROCESSES}


@pytest.fixture(scope="module")
def ttbar() -> dict[str, np.ndarray]:
    """150,000 reconstructed muons of tt̄; momenta in GeV, impact parameters in µm."""
    sample = TTbar().generate(150_000, np.random.default_rng(4))
    columns = {**sample.objects[TRACKS], **sample.objects[MUONS]}
    return {name: np.abs(values) * 1e3 if name == "d0" else values.astype(float) for name, values in columns.items()}


@pytest.mark.parametrize(
    ("process", "origin", "tolerance"),
    [
        *(("ttbar", origin, 0.10) for origin in ("prompt", "tau", "fake")),
        *((process, origin, 0.12) for process in ("wlnu", "zll") for origin in ("prompt", "tau")),
    ],
)
def test_rates_and_spectra_are_pythias(
    fast: dict[str, dict[str, benchmark.Muons]], table: Path, process: str, origin: str, tolerance: float
) -> None:
    ours, theirs = fast[process][origin], benchmark.pythia(table, process, origin, 10.0)
    assert ours.per_event == pytest.approx(theirs.per_event, rel=tolerance)
    for quantity in ("pt", "|eta|"):
        expected = np.quantile(theirs.columns[quantity], QUARTILES)
        assert np.quantile(ours.columns[quantity], QUARTILES) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(("process", "tolerance"), [("wlnu", 0.5), ("zll", 0.6)])
def test_jets_of_w_and_z_give_few_muons(
    fast: dict[str, dict[str, benchmark.Muons]], table: Path, process: str, tolerance: float
) -> None:
    """Pythia's set has 12 and 16 of them above 10 GeV: their numbers are known to 29 and 25 %."""
    theirs = benchmark.pythia(table, process, "fake", 10.0)
    assert fast[process]["fake"].per_event == pytest.approx(theirs.per_event, rel=tolerance)


@pytest.mark.parametrize(
    ("process", "origin", "tolerance"),
    [("ttbar", "tau", 0.15), ("ttbar", "fake", 0.12), ("wlnu", "tau", 0.2), ("zll", "tau", 0.2)],
)
def test_impact_parameters_are_pythias(
    fast: dict[str, dict[str, benchmark.Muons]], table: Path, process: str, origin: str, tolerance: float
) -> None:
    ours, theirs = fast[process][origin], benchmark.pythia(table, process, origin, 10.0)
    for quantity in ("|d0| [um]", "|z0| [um]"):
        expected = np.quantile(theirs.columns[quantity], (*QUARTILES, 0.9))
        assert np.quantile(ours.columns[quantity], (*QUARTILES, 0.9)) == pytest.approx(expected, rel=tolerance)


def test_isolation_is_pythias(fast: dict[str, dict[str, benchmark.Muons]], table: Path) -> None:
    """Of jets' muons within 15 %, and of the share of prompt ones that a jet is near."""
    for cone in ("etcone20", "etcone30"):
        ours, theirs = (
            each.columns[cone] for each in (fast["ttbar"]["fake"], benchmark.pythia(table, "ttbar", "fake", 10.0))
        )
        assert np.quantile(ours, QUARTILES) == pytest.approx(np.quantile(theirs, QUARTILES), rel=0.15)
        for origin in ("prompt", "tau"):
            ours, theirs = (
                each.columns[cone] for each in (fast["ttbar"][origin], benchmark.pythia(table, "ttbar", origin, 10.0))
            )
            assert (ours > 10).mean() == pytest.approx((theirs > 10).mean(), rel=0.35)


def test_natural_proportions_of_inclusive_top_pairs() -> None:
    """Per 1000 events with pT > 5 GeV and |η| < 2.5: 195 prompt, 31 tau and 266 of hadrons (Pythia 8.317)."""
    muons, _ = TTbar(minimum_pt=5.0).true_muons(EVENTS, np.random.default_rng(6))
    seen = (muons.pt > 5) & (np.abs(muons.eta) < 2.5) & ~np.isin(muons.truth_origin, benchmark.NOT_IN_PYTHIA)
    per_thousand = np.bincount(muons.origin[seen], minlength=3) / EVENTS * 1000
    assert per_thousand == pytest.approx([195, 31, 266], rel=0.12)


def test_taus_fly_as_long_as_they_live() -> None:
    """Mean L·m/p is cτ, to 1/√n = 0.3 %; the muon of one that decays at its origin points there."""
    n = 100_000
    tau = massive(np.full(n, 30.0), np.linspace(-2, 2, n), np.linspace(0, 6, n), TAU_MASS)
    vertex = flight(tau, TAU_MASS, TAU_FLIGHT, np.random.default_rng(7))
    length = np.linalg.norm(vertex, axis=1) * TAU_MASS / np.linalg.norm(tau[:, :3], axis=1)
    assert length.mean() == pytest.approx(0.08703, rel=0.015)
    assert np.mean(length > TAU_FLIGHT) == pytest.approx(np.exp(-1), abs=0.008)


def test_impact_parameters_are_those_of_the_perigee() -> None:
    """x = −d0 sin φ, y = d0 cos φ, z = z0 is on the track through the vertex, where it is nearest to the axis."""
    rng = np.random.default_rng(8)
    vertex, eta, phi = rng.normal(size=(50, 3)), rng.uniform(-2, 2, 50), rng.uniform(-3, 3, 50)
    d0, z0 = impact(vertex, eta, phi)
    along = np.stack([np.cos(phi), np.sin(phi), np.sinh(eta)], axis=1)
    perigee = np.stack([-d0 * np.sin(phi), d0 * np.cos(phi), z0], axis=1)
    assert np.abs(np.cross(vertex - perigee, along)).max() < 1e-12
    assert np.abs((perigee * along)[:, :2].sum(axis=1)).max() < 1e-12


@pytest.mark.parametrize("polarisation", [-1.0, 0.0, 1.0])
def test_energy_of_muons_from_polarised_taus(polarisation: float) -> None:
    """Mean lab energy share of a fast tau: 7/20 − P/20 with massless muons; its error is 0.0005."""
    n = 200_000
    tau = massive(np.full(n, 1000.0), np.zeros(n), np.zeros(n), TAU_MASS)
    share = muons_of_taus(tau, np.full(n, polarisation), np.random.default_rng(9))[:, 3] / tau[:, 3]
    assert share.mean() == pytest.approx(0.35 - polarisation / 20, abs=0.003)
    assert share.max() < 1.001


@pytest.mark.parametrize(("up_type", "mean"), [(True, 0.6), (False, 0.7)])
def test_lepton_spectra_of_weak_decays(up_type: bool, mean: float) -> None:
    """Over all q², 12x²(1 − x) for c → sℓν and 2x²(3 − 2x) for b → cℓν with massless products."""
    n, rng = 200_000, np.random.default_rng(10)
    q2 = np.interp(rng.random(n), *_massless_spectrum())
    parent = np.column_stack([np.zeros((n, 3)), np.ones(n)])
    decay = weak_decay(parent, 1.0, 0.0, np.sqrt(q2), up_type, rng)
    assert 2 * decay.lepton[:, 3].mean() == pytest.approx(mean, abs=0.003)
    assert np.abs(decay.lepton + decay.neutrino + decay.rest - parent).max() < 1e-9


def _massless_spectrum() -> tuple[np.ndarray, np.ndarray]:
    q2 = np.linspace(1e-6, 1, 2000)
    total = np.cumsum((1 - q2) ** 2 * (1 + 2 * q2))
    return total / total[-1], q2


def test_d0_alone_at_half_of_the_taus(ttbar: dict[str, np.ndarray]) -> None:
    """About 16 % of prompt muons pass, 8 % would without beam spot and tails; jets' muons rank above taus."""
    origin = ttbar["truthOrigin"]
    cut = np.median(ttbar["d0"][origin == 9])
    assert 0.12 < np.mean(ttbar["d0"][origin == 10] > cut) < 0.20
    assert np.mean(ttbar["d0"][np.isin(origin, (25, 26))] > cut) > 0.65


def test_isolation_of_what_is_reconstructed(ttbar: dict[str, np.ndarray]) -> None:
    """Genuine prompt muons of tt̄: quartiles of topoetcone20 −0.44, 0.24 and 1.74 GeV; of jets they are not isolated."""
    prompt = ttbar["topoetcone20"][ttbar["truthOrigin"] == 10] / 1e3
    assert np.quantile(prompt, QUARTILES) == pytest.approx([-0.44, 0.24, 1.74], abs=0.4)
    fake = ttbar["truthType"] == 7
    assert np.median(ttbar["topoetcone20"][fake] / ttbar["pt"][fake]) > 0.8


def test_quality_is_nearly_always_medium(ttbar: dict[str, np.ndarray]) -> None:
    assert 0.01 < np.mean(ttbar["quality"][ttbar["truthType"] == 6] >= 2) < 0.06


def test_kinks_show_in_the_imbalance_of_inner_detector_and_spectrometer() -> None:
    """Decays in flight before the spectrometer: the inner detector sees the hadron, more so for kaons."""
    n = 200_000
    rng = np.random.default_rng(11)
    shape = (n, 1)
    jets = HardJets(np.full(shape, 60.0), rng.uniform(-2, 2, shape), np.zeros(shape), np.full(shape, LIGHT))
    muons = light_hadron_muons(jets, rng).muons
    assert 0.003 < len(muons.event) / n < 0.03
    decayed = muons.truth_type == 8
    assert (muons.inner_pt >= muons.outer_pt * (1 - 1e-9)).all()
    gained = muons.inner_pt / muons.pt - 1
    lost = {origin: np.mean(gained[muons.truth_origin == origin]) for origin in (34, 35)}
    assert 0.05 < lost[34] < lost[35]
    assert 0.02 < np.mean(~decayed) < 0.3
    sample = observe(muons, {}, np.full(n, 37.0), np.random.default_rng(12), 5.0)
    seen = {name: values.astype(float) for name, values in sample.objects[MUONS].items()}
    imbalance = (seen["InnerDetectorPt"] - seen["MuonSpectrometerPt"]) / seen["pt"]
    assert np.median(imbalance[seen["truthType"] == 8]) > 0.05
    assert np.mean(seen["quality"][seen["truthType"] == 0] >= 2) > 0.2


def test_pulls_of_momentum() -> None:
    """(q/p − true)/σ has a width of 1 ; the statistical error is 0.003, the mean's 0.004."""
    n, rng = 60_000, np.random.default_rng(13)
    pt, eta, charge = rng.uniform(10, 60, n), rng.uniform(-2.4, 2.4, n), rng.choice([-1.0, 1.0], n)
    # Efficiency loses some: a column of the events tells which are left.
    number = {"EventInfoAuxDyn.which": np.arange(float(n))}
    sample = observe(_isolated(pt, eta, charge), number, np.full(n, 37.0), rng)
    tracks, left = sample.objects[TRACKS], sample.events["EventInfoAuxDyn.which"].astype(int)
    assert np.array_equal(sample.objects[MUONS]["eta"], eta[left].astype(np.float32))
    pull = (tracks["qOverP"] - (charge / (pt * np.cosh(eta) * 1e3))[left]) / np.sqrt(tracks["qOverPVariance"])
    assert np.std(pull) == pytest.approx(1, abs=0.02)
    assert abs(np.mean(pull)) < 0.02


def test_tracks_and_vertices_are_in_absolute_places() -> None:
    """z0 + vz is the track's absolute z: prompt ones are off their vertex by the resolutions of both only."""
    n, rng = 20_000, np.random.default_rng(14)
    sample = observe(_isolated(np.full(n, 40.0), np.zeros(n), np.ones(n)), {}, np.full(n, 37.0), rng)
    tracks, z = sample.objects[TRACKS], sample.objects[VERTICES]["z"].astype(float)
    assert 40 < np.std(z) < 53
    low, high = np.quantile(tracks["z0"] + tracks["vz"] - z, [0.16, 0.84])
    assert (high - low) / 2 == pytest.approx(np.hypot(0.047, 0.020), rel=0.05)
    assert len(z) / n == pytest.approx(0.99, abs=0.004)


def test_no_muons_is_no_event() -> None:
    nothing = np.zeros(0)
    sample = observe(_isolated(nothing, nothing, nothing), {}, np.full(5, 37.0), np.random.default_rng(1))
    assert sample.length == 0
    assert to_branches(sample, 1)[MUONS].fields == list(sample.objects[MUONS])


def _isolated(pt: np.ndarray, eta: np.ndarray, charge: np.ndarray) -> TrueMuons:
    """Prompt muons, one an event, with nothing near."""
    n = len(pt)
    columns = {field.name: np.zeros(n) for field in fields(TrueMuons)}
    columns |= {"pt": pt, "inner_pt": pt, "outer_pt": pt, "eta": eta, "charge": charge}
    columns |= {"event": np.arange(n), "truth_type": np.full(n, 6), "truth_origin": np.full(n, 12)}
    return TrueMuons(**columns)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_every_family_gives_what_is_asked_for(family: MuonFamily) -> None:
    sample, again = (family.generate(3000, np.random.default_rng(15)) for _ in range(2))
    muons = sample.objects[MUONS]
    assert len(muons["pt"]) == sample.counts[MUONS].sum() == len(sample.objects[TRACKS]["d0"]) == 3000
    assert len(sample.objects[VERTICES]["z"]) == sample.length == len(sample.counts[MUONS])
    assert sample.counts[MUONS].min() >= 1
    assert muons["pt"].min() >= 10_000
    assert np.abs(muons["phi"]).max() <= np.float32(np.pi)
    assert np.abs(muons["eta"]).max() <= 2.5
    for column in _columns(sample):
        assert np.isfinite(column).all()
        assert column.dtype in {np.dtype(np.float32), np.dtype(np.int32)}
    for first, second in zip(_columns(sample), _columns(again), strict=True):
        assert np.array_equal(first, second)


def _columns(sample: Sample) -> list[np.ndarray]:
    return [*sample.events.values(), *(values for each in sample.objects.values() for values in each.values())]


def test_w_star_reaches_high_pt() -> None:
    muons = WStar().generate(20_000, np.random.default_rng(16)).objects[MUONS]
    assert 0.03 < np.mean(muons["pt"] > 185e3) < 0.5


def test_staus_have_the_masses_of_the_grid() -> None:
    family = StauPairs(stau_masses=(80, 200), neutralino_masses=(1, 100))
    events = family.generate(5000, np.random.default_rng(17)).events
    masses = [events[f"EventInfoAuxDyn.{name}"] / MEV for name in ("stauMass", "neutralinoMass")]
    pairs = set(zip(*masses, strict=True))
    assert pairs == {(80, 1), (200, 1), (200, 100)}
    with pytest.raises(ValueError, match="nothing decays"):
        StauPairs(stau_masses=(80,), neutralino_masses=(100,))


def test_a_small_lepton_share_makes_a_sample_of_jets_muons() -> None:
    """W events: another composition than tt̄'s, with more charm than bottom and decays in flight."""
    muons = WLnu(lepton_share=0.0).generate(1000, np.random.default_rng(18)).objects[MUONS]
    counts = {origin: int((muons["truthOrigin"] == origin).sum()) for origin in (9, 12, 25, 26, 34, 35)}
    assert counts[9] == counts[12] == 0
    assert counts[25] > counts[26]
    assert counts[34] + counts[35] > 50


def test_a_small_background_share_makes_a_sample_of_taus() -> None:
    """In tt̄ 6 % of the muons are of taus; with a tenth of all others 40 %. Of 4,000 muons that is known to 0.8 %."""
    muons = TTbar(background_share=0.1).generate(4000, np.random.default_rng(19)).objects[MUONS]
    share = (muons["truthOrigin"] == 9).mean()
    natural = (TTbar().generate(20_000, np.random.default_rng(20)).objects[MUONS]["truthOrigin"] == 9).mean()
    assert abs(share - natural / (natural + 0.1 * (1 - natural))) < 0.04
