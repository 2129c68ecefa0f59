"""Columns that bundles give to another study: the same as the bundle says, in shards, control histograms and models."""

from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.histograms import load_control
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.execution.progress import Bars, Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.results.summary import rows_of
from lineshape.engine.running.run import open_run
from lineshape.engine.stages.histogramming.stage import histogram
from lineshape.engine.stages.processing.stage import process
from lineshape.engine.stages.training.stage import train
from lineshape.jobs import api
from tests.conftest import small_job

pytestmark = pytest.mark.processes


def settings_of(bundle: Path, **changes: Any) -> dict[str, Any]:
    return {"bundle": str(bundle), "label": "Calibrated", "unit": "GeV", "low": 0, "high": 200} | changes


def store_of(job: Any, folder: Path, workers: Workers, bars: Bars, files: list[Path]) -> FeatureStore:
    return process(job, RunFolder(folder), workers, bars, {"ntuples": [str(path) for path in files]})


def test_a_bundle_gives_a_column(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    bundle = Bundle.load(finished.folder / "models" / "brt")
    job = small_job(ntuples, derived={"calibrated": settings_of(bundle.folder)})
    store = store_of(job, tmp_path, workers, bars, ntuples)
    assert store.columns["calibrated"].title == "Calibrated [GeV]"
    for table in store.tables(["calibrated", *bundle.columns]):
        assert table["calibrated"] == pytest.approx(bundle.predict(table).estimate, rel=1e-5)
    control = load_control(store.folder)["ntuples"]["calibrated"]
    assert control.values(flow=True).sum() == store.rows


def test_it_is_a_feature_like_any_other(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, client: Client
) -> None:
    """A model that has it alone to learn from learns from it."""
    derived = {"calibrated": settings_of(finished.folder / "models" / "brt")}
    job = small_job(ntuples, derived=derived, **{"models.brt.features": ["calibrated"], "models.brt.rounds": 5})
    with open_run(job, tmp_path / "run", Screen(), client) as run:
        run.process({name: sample.files for name, sample in job.samples.items()})
        run.train(["brt"])
    bundle = Bundle.load(tmp_path / "run" / "models" / "brt")
    assert bundle.features == ("calibrated",)
    # What it was trained on is remembered, its own part and that of the bundle that it learns from.
    assert bundle.seen == Seen(own=job.split, through=(finished.job.split,))


def test_a_column_is_not_measured_on_what_its_bundle_was_trained_on(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    """In a job that trains nothing, and whose own split is another one."""
    job = small_job(ntuples, derived={"calibrated": settings_of(finished.folder / "models" / "brt")})
    values = job.model_dump(mode="json") | {
        "models": {name: {"kind": "column", "column": name} for name in ("ptCombined", "calibrated")},
        "baseline": "ptCombined",
        "measures": {"response": {"kind": "response", "truth": "truthPtVis"}},
        "split": {"test": 0.6, "validation": 0.1},
        "claims": {},
        "search": {},
    }
    job = api.Job.model_validate(values)
    store = store_of(job, tmp_path, workers, bars, ntuples)
    train(job, RunFolder(tmp_path), workers, bars)
    found = histogram(job, RunFolder(tmp_path), workers, bars)
    assert found.split == "held-out"
    assert found.about == "the events on which neither a model nor the bundle behind calibrated was trained"
    events = sum(int(finished.job.split.of(table["event"])["test"].sum()) for table in store.tables(["event"]))
    rows = {row.entries for row in rows_of(found, job.built_measures(), "ptCombined") if row.by == ""}
    assert events / 2 < max(rows) <= events


def test_another_bundle_makes_other_shards(
    finished: api.Result, ntuples: list[Path], tmp_path: Path, workers: Workers, bars: Bars
) -> None:
    identities = []
    for name in ("brt", "dnn", "brt"):
        job = small_job(ntuples, derived={"calibrated": settings_of(finished.folder / "models" / name)})
        store = store_of(job, tmp_path, workers, bars, ntuples)
        identities.append([shard.identity for shard in store.shards])
    assert identities[0] == identities[2]
    assert not set(identities[0]) & set(identities[1])


def test_a_bundle_is_found_from_elsewhere(
    finished: api.Result, ntuples: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A path from the working folder is kept as a full one."""
    monkeypatch.chdir(finished.folder)
    job = small_job(ntuples, derived={"calibrated": settings_of(Path("models/brt"))})
    monkeypatch.chdir(tmp_path)
    assert job.derived["calibrated"].loaded.name == "brt"


def test_what_does_not_fit_is_named(finished: api.Result, ntuples: list[Path], tmp_path: Path) -> None:
    brt = finished.folder / "models" / "brt"
    for derived, message in (
        ({"calibrated": settings_of(tmp_path / "none")}, "no bundle in"),
        ({"ptCombined": settings_of(brt)}, "'ptCombined' is a column of the processor already"),
        ({"event": settings_of(brt)}, "'event' is a column of the processor already"),
        ({"calibrated": settings_of(brt, high=0)}, "must be less than high"),
        ({"calibrated": settings_of(brt, low=None)}, "low"),
    ):
        with pytest.raises(RequestError, match=message):
            small_job(ntuples, derived=derived)
    with pytest.raises(RequestError, match=r"bundle brt needs column '.*', which the processor does not make"):
        api.load("event_variables_mass", changes={"derived": {"tau": settings_of(brt)}})
