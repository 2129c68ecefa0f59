"""Training, histogramming and reporting: what is made anew and what is kept, and what the report holds."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import uproot
from distributed import Client

from lineshape.engine.core import ledger
from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.histograms import from_uhi
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars, Screen
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.running.run import open_run
from lineshape.engine.stages.histogramming.stage import histogram
from lineshape.engine.stages.reporting.stage import report
from lineshape.engine.stages.training.stage import train
from lineshape.jobs import api
from tests.conftest import small_job

pytestmark = pytest.mark.processes


@pytest.fixture
def copied(finished: api.Result, tmp_path: Path) -> RunFolder:
    """The finished run, to be changed."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def job_of(finished: api.Result, **changes: object) -> api.Job:
    return small_job(list(finished.job.samples["ntuples"].files), **changes)


def test_a_changed_model_is_trained_anew_and_no_other(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    assert train(job_of(finished), copied, workers, bars).made == []
    changed = train(job_of(finished, **{"models.brt.depth": 2}), copied, workers, bars)
    assert changed.made == ["brt"]
    assert changed.bundles == ["combined", "particle_flow", "brt", "dnn", "mdn"]


def test_too_few_rows_leave_a_model_out(finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars) -> None:
    changes = {"models.brt.minimum_entries": 10**6, "models.brt.depth": 2}
    trained = train(job_of(finished, **changes), copied, workers, bars)
    assert "are too few: expected at least 1,000,000" in trained.left_out["brt"]
    assert "brt" not in trained.bundles


def test_a_training_that_fails_names_the_model(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    job = job_of(finished, **{"models.dnn.rate": 1e30, "models.dnn.clip": 1e30})
    with pytest.raises(RunError, match=r"training of dnn failed: the loss is not finite"):
        train(job, copied, workers, bars)
    assert (copied.models / "mdn" / "bundle.json").is_file()
    index = json.loads(copied.index.read_text(encoding="utf-8"))
    assert "dnn" not in index["bundles"]
    assert "loss is not finite" in index["left_out"]["dnn"]


def test_an_unknown_model_is_a_request_error(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    with pytest.raises(RequestError, match="no model brtt in the job file: expected one of combined"):
        train(finished.job, copied, workers, bars, only=["brtt"])


def test_models_of_the_other_feature_sets_train(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    changes = {"models.brt.features": "18", "models.mdn.features": "19", "models.mdn.per": "ptTauEnergyScale"}
    train(job_of(finished, **changes), copied, workers, bars)
    brt, mdn = (Bundle.load(copied.models / name) for name in ("brt", "mdn"))
    assert len(brt.features) == 18
    assert len(mdn.features) == 19
    assert mdn.target.per == "ptTauEnergyScale"
    assert not any("ptCombined" in column for column in mdn.columns)
    table = next(FeatureStore.load(copied.features).tables([*mdn.columns]))
    assert np.isfinite(mdn.predict(table).estimate).all()


def test_a_search_for_settings(finished: api.Result, tmp_path: Path, client: Client) -> None:
    """Real trainings on the run's feature store; a second search finds all of them done."""
    pytest.importorskip("optuna", reason="optuna is not installed: pip install 'lineshape[search]'")
    shutil.copytree(RunFolder(finished.folder).features, tmp_path / "run" / "features")
    changes = {"search.brt.trials": 4, "search.brt.repeats": 1, "search.brt.space.depth.high": 6}
    job, folder = job_of(finished, **changes), RunFolder(tmp_path / "run").search("brt")
    with open_run(job, tmp_path / "run", Screen(), client) as run:
        found = run.search("brt")
        assert len(found.trials) == 4
        assert {name: len(losses) for name, losses in found.repeats.items()} == {"best": 1, "job file": 1}
        current = job.built_models()["brt"].model_dump()
        assert found.trials[0].settings == {name: current[name] for name in job.search["brt"].space}
        for trial in found.trials:
            bundle = Bundle.load(folder.models / f"trial_{trial.number:03d}")
            assert bundle.provenance["validation_loss"] == trial.loss
            assert bundle.model.settings["depth"] == trial.settings["depth"]
        made = {path: path.stat().st_mtime_ns for path in folder.models.rglob("trees.ubj")}
        assert len(made) == 6
        assert run.search("brt") == found
        assert made == {path: path.stat().st_mtime_ns for path in folder.models.rglob("trees.ubj")}
        with pytest.raises(RequestError, match=r"no search for model 'dnn' \(search: brt, mdn\)"):
            run.search("dnn")
    assert json.loads((folder.path / "search.json").read_text())["trials"][0]["loss"] == found.trials[0].loss
    assert (folder.path / "search.png").stat().st_size > 10_000
    said = ledger.read(RunFolder(tmp_path / "run").ledger)[-1]
    assert said["stage"] == "search brt"
    assert f"validation loss {found.best.loss:.5g}" in said["result"]["text"]


def test_histograms_are_of_the_test_split(finished: api.Result) -> None:
    folder = RunFolder(finished.folder)
    store = FeatureStore.load(folder.features)
    events = np.concatenate([table["event"] for table in store.tables(["event"])])
    expected = int(finished.job.split.of(events)["test"].sum())
    assert finished.figure("brt", "half_68").entries == expected
    with uproot.open(folder.histograms / "performance.root") as file:
        written = file["ntuples/brt/response/inclusive"]
        assert written.values(flow=True).sum() == expected
        assert file["ntuples/mdn/response/eta"].classname.startswith("TH2")
    values = json.loads((folder.histograms / "performance.json").read_text(encoding="utf-8"))
    assert from_uhi(values["ntuples/brt/response/inclusive"]).sum(flow=True) == expected


def test_the_figures_are_those_of_the_predictions(finished: api.Result) -> None:
    folder = RunFolder(finished.folder)
    store = FeatureStore.load(folder.features)
    bundle = Bundle.load(folder.models / "mdn")
    tables = list(store.tables(list(dict.fromkeys([*bundle.columns, "truthPtVis", "event"]))))
    table = {name: np.concatenate([part[name] for part in tables]) for name in tables[0]}
    rows = finished.job.split.of(table["event"])["test"]
    response = (bundle.predict(table).estimate / table["truthPtVis"])[rows]
    low, high = np.quantile(response, [0.16, 0.84])
    assert finished.figure("mdn", "half_68").value == pytest.approx((high - low) / 2, rel=0.02)
    assert finished.figure("mdn", "median").value == pytest.approx(np.median(response), abs=3e-3)


def test_same_histograms_from_one_pass_and_from_parts(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    first = (copied.histograms / "performance.json").read_bytes()
    shutil.rmtree(copied.histograms)
    histogram(finished.job, copied, workers, bars)
    assert (copied.histograms / "performance.json").read_bytes() == first


@pytest.mark.parametrize("name", ["performance.root", "performance.json", "ntuples.npz"])
def test_histograms_that_are_whole_are_not_written_again(
    name: str, finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    histogram(finished.job, copied, workers, bars)
    before = {path: path.stat().st_mtime_ns for path in copied.histograms.iterdir()}
    index, spoilt = (copied.histograms / "measured.json").read_bytes(), copied.histograms / name
    histogram(finished.job, copied, workers, bars)
    assert {path: path.stat().st_mtime_ns for path in copied.histograms.iterdir()} == before
    size = spoilt.stat().st_size
    spoilt.write_bytes(spoilt.read_bytes()[: size // 2])
    histogram(finished.job, copied, workers, bars)
    assert spoilt.stat().st_size == size
    assert (copied.histograms / "measured.json").read_bytes() == index, "nothing in it is of the time of writing"


def test_only_the_model_that_changed_is_measured_anew(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    before = histogram(finished.job, copied, workers, bars).samples["ntuples"]
    first = {path: path.stat().st_mtime_ns for path in (copied.histograms / "parts").iterdir()}
    changed = job_of(finished, **{"models.brt.depth": 2})
    train(changed, copied, workers, bars)
    after = histogram(changed, copied, workers, bars).samples["ntuples"]
    second = {path: path.stat().st_mtime_ns for path in (copied.histograms / "parts").iterdir()}
    groups = len(first) // 5  # of shards: cut by their identities, so one or two of them
    assert len(second) == len(first) == 5 * groups
    assert len(first.items() & second.items()) == 4 * groups
    assert {name.split("/")[0] for name in after if after[name] != before[name]} == {"brt"}


def test_histograms_of_something_else_are_refused(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    """Not drawn under the axes of another job file, nor beside other models."""
    other = job_of(finished, **{"measures.response.by.eta.bins": 8})
    with pytest.raises(RequestError, match="of other bundles, data or measures: run 'lineshape histogram' first"):
        report(other, copied, workers, bars)
    leaking = job_of(finished, **{"split.test": 0.9})
    with pytest.raises(RequestError, match="run 'lineshape train' first"):
        histogram(leaking, copied, workers, bars)


def test_a_report_that_is_there_is_kept(finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars) -> None:
    before = copied.page.stat().st_mtime_ns
    assert report(finished.job, copied, workers, bars) == finished.rows
    assert copied.page.stat().st_mtime_ns == before


def test_a_plot_is_drawn_again_where_what_it_shows_has_changed(
    finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars
) -> None:
    """A damaged file, a new label and a plot of the past; each of the other files is left as it was."""
    plots = copied.report / "plots"
    before = {path.name: path.stat().st_mtime_ns for path in plots.iterdir()}
    damaged = plots / "control.pdf"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (plots / "of_another_time.png").touch()
    job = job_of(finished, **{"models.mdn.label": "Mixture"})
    train(job, copied, workers, bars)
    report(job, copied, workers, bars)
    after = {path.name: path.stat().st_mtime_ns for path in plots.iterdir()}
    again = {name for name in after if after[name] != before.get(name)}
    assert after.keys() == before.keys()
    assert {"control.pdf", "line_shape.png", "loss_mdn.png"} <= again
    assert not {"loss_brt.png", "loss_dnn.pdf"} & again


def test_a_new_label_trains_nothing(finished: api.Result, copied: RunFolder, workers: Workers, bars: Bars) -> None:
    assert train(job_of(finished, **{"models.mdn.label": "Mixture"}), copied, workers, bars).made == []


def test_the_page_is_self_contained(finished: api.Result) -> None:
    page = finished.page.read_text(encoding="utf-8")
    without_scripts = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', without_scripts)
    pictures = len(list((finished.page.parent / "plots").glob("*.png")))
    assert without_scripts.count("data:image/png;base64,") == pictures + 1, "the first stands above, too"
    for heading in (
        "Line shape",
        "Resolution",
        "Closure",
        "Selection by",
        "Training",
        "Cut flow",
        "Control histograms",
    ):
        assert heading in page
    assert {path.stem for path in finished.page.parent.glob("plots/*.png")} == {
        path.stem for path in finished.page.parent.glob("plots/*.pdf")
    }


def test_every_curve_of_the_talk_is_measured(finished: api.Result) -> None:
    expected = {("truthPtVis", 15), ("eta", 35), ("truthDecayMode", 5)}
    for model in ("combined", "particle_flow", "brt", "dnn", "mdn"):
        for by, most in expected:
            rows = [row for row in finished.rows if (row.model, row.by, row.figure) == (model, by, "half_68")]
            assert 1 < len(rows) <= most
            assert all(row.low < row.high for row in rows)
            assert all(row.uncertainty is not None for row in rows)
    ratios = [row for row in finished.rows if row.figure.endswith("_over_baseline")]
    assert all(row.value is not None and row.entries >= 400 for row in ratios)
    assert "mdn" in {row.model for row in ratios if row.by == "truthPtVis"}


def test_the_stages_are_in_the_ledger(finished: api.Result) -> None:
    from lineshape.engine.core import ledger

    records = ledger.read(RunFolder(finished.folder).ledger)
    assert [record["stage"] for record in records] == ["processing", "training", "histogramming", "reporting"]
    assert "numpy" in records[0]["versions"]


def test_a_cluster_that_was_not_needed_is_not_remembered(finished: api.Result, tmp_path: Path) -> None:
    """Nor was it reached: a later stage would start there without being told to."""
    shutil.copytree(finished.folder, tmp_path / "run")
    elsewhere = KindSpec(kind="scheduler", address="tcp://127.0.0.1:1")
    with open_run(finished.job.model_copy(update={"cluster": elsewhere}), tmp_path / "run") as run:
        run.train()
    saved = json.loads((tmp_path / "run" / "job.json").read_text(encoding="utf-8"))
    assert saved["cluster"] == finished.job.cluster.model_dump(mode="json")
