"""Muons from Pythia against samples that were made with it before, by other code."""

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.jobs.simulate.families.pythia import Pythia
from lineshape.jobs.simulate.physics.true_muons import FAKE, PROMPT, TAU, TrueMuons

NAMES = {PROMPT: "prompt", TAU: "tau", FAKE: "fake"}
#: Muons of long-lived hadrons: the samples have none.
IN_FLIGHT = (24, 34, 35)


def made(settings: dict[str, Any], events: int, seed: int) -> TrueMuons:
    """Muons of so many events; skips where there is no Pythia."""
    pytest.importorskip("pythia8mc", reason="Pythia 8 is not installed: pip install 'lineshape[pythia]'")
    muons, number = Pythia.model_validate(settings).true_muons(events, np.random.default_rng(seed))
    assert number == events
    return muons


EVENTS = 500


@pytest.fixture(scope="module")
def ttbar() -> TrueMuons:
    """The process of most origins, with leptonic decays as the samples have them."""
    return made({"process": "ttbar", "leptonic": True}, EVENTS, 77)


@pytest.fixture(scope="module")
def reference(shared: Path) -> tuple[dict[str, dict[str, np.ndarray]], int]:
    """Columns by origin of muons from tt̄, and the number of their events."""
    table = pq.read_table(shared / "pythia" / "muons.parquet")
    events = json.loads(table.schema.metadata[b"events"].replace(b"'", b'"'))["ttbar"]
    rows = table.to_pandas()
    rows = rows[rows["process"] == "ttbar"]
    return {
        name: {column: rows[column][rows["origin"] == name].to_numpy() for column in ("pt", "d0", "z0", "etcone30")}
        for name in NAMES.values()
    }, events


def like_reference(muons: TrueMuons, origin: int) -> np.ndarray:
    return (muons.origin == origin) & ~np.isin(muons.truth_origin, IN_FLIGHT)


@pytest.mark.parametrize("origin", NAMES)
def test_there_are_as_many_of_each_origin(
    ttbar: TrueMuons, reference: tuple[dict[str, dict[str, np.ndarray]], int], origin: int
) -> None:
    """Within 4 standard deviations of their scatter by event: one false alarm in 16,000."""
    samples, events = reference
    found = np.bincount(ttbar.event[like_reference(ttbar, origin)], minlength=EVENTS)
    expected = len(samples[NAMES[origin]]["pt"]) / events
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(EVENTS)


@pytest.mark.parametrize("column", ["pt", "d0", "z0", "etcone30"])
@pytest.mark.parametrize("origin", NAMES)
def test_medians_are_those_of_the_samples(
    ttbar: TrueMuons, reference: tuple[dict[str, dict[str, np.ndarray]], int], origin: int, column: str
) -> None:
    """Half lie below, within 4 standard deviations: one false alarm in 16,000. Prompt d0, z0 are rounding."""
    if origin == PROMPT and column in {"d0", "z0"}:
        assert np.abs(getattr(ttbar, column)[ttbar.origin == PROMPT]).max() < 1e-6
        return
    middle = np.median(np.abs(reference[0][NAMES[origin]][column]))
    values = np.abs(getattr(ttbar, column)[like_reference(ttbar, origin)])
    assert abs((values < middle).mean() - 0.5) < 4 * 0.5 / np.sqrt(len(values))


def test_columns_are_of_one_length_and_whole(ttbar: TrueMuons) -> None:
    for field in fields(ttbar):
        values = getattr(ttbar, field.name)
        assert values.shape == ttbar.pt.shape
        assert np.isfinite(values).all()
    assert (np.diff(ttbar.event) >= 0).all()
    assert ttbar.event[0] >= 0
    assert ttbar.event[-1] < EVENTS
    assert set(np.unique(ttbar.charge)) == {-1, 1}
    assert ttbar.pt.min() > 3
    assert np.abs(ttbar.eta).max() < 2.7


def test_hadrons_in_flight_curve_more_before_than_after(ttbar: TrueMuons) -> None:
    """Some 50 of 1,000 events have one; a muon has less momentum than the hadron it comes from."""
    flying = np.isin(ttbar.truth_origin, IN_FLIGHT)
    assert 5 < flying.sum() < 60
    assert (ttbar.inner_pt[flying] > ttbar.outer_pt[flying] - 0.01).mean() > 0.9
    others = ttbar.origin != FAKE
    np.testing.assert_allclose(ttbar.inner_pt[others], ttbar.outer_pt[others])


def test_same_seed_same_bits() -> None:
    """Whatever ran in the process before: files are made in any order, on any worker."""
    first = made({"process": "ttbar"}, 25, 3)
    made({"process": "z_ll"}, 20, 8)
    again, other = made({"process": "ttbar"}, 25, 3), made({"process": "ttbar"}, 25, 4)
    for field in fields(first):
        assert getattr(first, field.name).tobytes() == getattr(again, field.name).tobytes()
    assert first.pt.tolist() != other.pt.tolist()


def test_the_detector_sees_them() -> None:
    """Most of the muons, each with a track, in events that have one."""
    pytest.importorskip("pythia8mc", reason="Pythia 8 is not installed: pip install 'lineshape[pythia]'")
    sample = Pythia(process="ttbar", leptonic=True).generate(40, np.random.default_rng(3))
    counts = sample.counts["AnalysisMuonsAuxDyn"]
    assert 20 < sample.length <= 40
    assert counts.min() > 0
    assert len(sample.objects["AnalysisMuonsAuxDyn"]["pt"]) == counts.sum()
    assert len(sample.objects["CombinedMuonTrackParticlesAuxDyn"]["d0"]) == counts.sum()
    assert set(sample.objects["AnalysisMuonsAuxDyn"]["truthOrigin"]) >= {9, 10, 25, 26}


@pytest.mark.parametrize(
    ("settings", "origins"),
    [
        ({"process": "z_ll"}, {13, 9}),
        ({"process": "w_lnu"}, {12, 9}),
        ({"process": "w_star", "forced": True}, {9}),
        ({"process": "w_lnu", "commands": ["24:onMode = off", "24:onIfAny = 13"]}, {12}),
    ],
)
def test_processes(settings: dict[str, Any], origins: set[int]) -> None:
    muons = made(settings, 120, 6)
    assert set(np.unique(muons.truth_origin[muons.origin != FAKE])) == origins


def test_forced_taus_of_heavy_w_decay_to_muons() -> None:
    """Two in three of them are in the acceptance; W of 120 GeV and more have higher pT than others."""
    muons = made({"process": "w_star", "forced": True}, 120, 6)
    assert (muons.origin == TAU).sum() > 60


def test_a_setting_that_pythia_does_not_know_is_named() -> None:
    with pytest.raises(RequestError, match=r"no such setting.*'Beams:colour = 3'"):
        made({"process": "ttbar", "commands": ["Beams:colour = 3"]}, 1, 1)
    with pytest.raises(RequestError, match=r"cannot start with: process ttbar, energy 1$"):
        made({"process": "ttbar", "energy": 1}, 1, 1)


def test_without_pythia_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(RequestError, match=r"lineshape\[pythia\]"):
        Pythia(process="ttbar").true_muons(1, np.random.default_rng(1))
