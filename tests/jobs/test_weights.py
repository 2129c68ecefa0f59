"""Weights of rows: by columns, cross-sections and luminosity, in figures and trainings."""

import json
import re
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from distributed import Client
from numpy.typing import NDArray

from lineshape.engine import Column, Selection, flat
from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.jobs import api
from lineshape.jobs.applying import apply
from lineshape.jobs.job_files import load
from tests.jobs.toys import Toy, events, job_of, toy_values, write_events

PROCESSES = 5

pytestmark = pytest.mark.processes

ROWS = 12_000
#: Sums of generated weights behind each file of signal, one of which has no entries left.
GENERATED = {"s0": 5000.0, "s1": 3000.0, "empty": 2000.0}
#: Cross-section of the signal, pb, and luminosity, fb⁻¹.
CROSS_SECTION, LUMINOSITY = 0.002, 140.0


class Weighed(Toy):
    """The toy with a weight in its files, of which 998 and 999 stand for what a processor may make of it."""

    inputs = {**Toy.inputs, "w": "w"}
    outputs = {**Toy.outputs, "w": Column("Weight", "", -3, 3)}

    def select(self, events: Any) -> Selection:
        """All events."""
        columns, cut_flow = super().select(events)
        if "w" not in events.fields:
            return columns, cut_flow
        weight = flat(events, "w")[0]
        weight = np.where(weight == 998, np.inf, np.where(weight == 999, np.nan, weight))
        return columns | {"w": ak.Array(weight)}, cut_flow


def branches_of(rows: int, seed: int, negative: float = 0.1) -> dict[str, NDArray[Any]]:
    """Events with weights of which some are negative, and which depend on d0."""
    found, random = events(rows, seed), np.random.default_rng(100 + seed)
    weight = (1 + found["d0"]) * np.where(random.random(rows) < negative, -1, 1) * random.gamma(4, 0.25, rows)
    return found | {"w": weight.astype(np.float32)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signal in three files with the sums of generated weights in a tree and a histogram, and background in one."""
    folder = tmp_path_factory.mktemp("weights")
    signal = branches_of(ROWS, 1)
    label, even = signal["label"] == 1, signal["event"] % 2 == 0
    rows = {"s0": label & even, "s1": label & ~even, "empty": label & False}
    for name, chosen in rows.items():
        with uproot.recreate(folder / f"{name}.root") as file:
            file.mktree("tree", {key: values.dtype for key, values in signal.items()})
            if chosen.any():
                file["tree"].extend({key: values[chosen] for key, values in signal.items()})
            file["Runs"] = {"genEventSumw": np.array([GENERATED[name] - 100, 100.0])}
            file["sums"] = np.histogram([0.5, 1.5], bins=2, range=(0, 2), weights=[1.0, GENERATED[name]])
    background = branches_of(ROWS, 2)
    write_events(folder / "b.root", {key: values[background["label"] == 0] for key, values in background.items()})
    return folder


def values_of(files: Path, **changes: Any) -> dict[str, Any]:
    """A job of two samples, weighted by a column and a cross-section."""
    values = toy_values("")
    tagging = {key: value for key, value in values["measures"]["tagging"].items() if key not in {"truth", "classes"}}
    signal = [str(files / f"{name}.root") for name in GENERATED]
    return values | {
        "processor": {"kind": "tests.jobs.test_weights:Weighed"},
        "samples": {
            "s": {"tree": "tree", "files": signal, "cross_section": CROSS_SECTION},
            "b": {"tree": "tree", "files": [str(files / "b.root")], "scale": 0.5},
        },
        "luminosity": LUMINOSITY,
        "weight": {
            "columns": ["w"],
            "generated": {"kind": "branch_sum", "tree": "Runs", "branch": "genEventSumw"},
            "training": {"negative": "drop", "balance": True},
        },
        "target": {"classes": {"signal": ["s"], "background": ["b"]}},
        "measures": {"tagging": tagging},
        **changes,
    }


@pytest.fixture(scope="module")
def result(files: Path, client: Client) -> api.Result:
    return api.run(job_of(files, values_of(files)), files / "run", client)


def rows_of(result: api.Result, split: str = "test") -> dict[str, NDArray[Any]]:
    """All rows of a split, with their weights and the number of their class."""
    store = FeatureStore.load(RunFolder(result.folder).features)
    columns = ["event", "d0", "pt", "w", EVENT_WEIGHT, "target_classes"]
    tables = [table for _, table in store.read(columns)]
    whole = {name: np.concatenate([table[name] for table in tables]) for name in columns}
    chosen = result.job.split.of(whole["event"])[split]  # type: ignore[index]
    return {name: values[chosen] for name, values in whole.items()}


def test_a_sample_is_as_large_as_in_the_data(result: api.Result) -> None:
    """By its cross-section, the luminosity and all generated weights, also those of a file without entries."""
    store = FeatureStore.load(RunFolder(result.folder).features)
    assert store.weight is not None
    assert store.generated == {"s": sum(GENERATED.values())}
    assert store.weight.factors == {"s": pytest.approx(CROSS_SECTION * LUMINOSITY * 1000 / 10_000), "b": 0.5}
    assert store.weights["s"].rows + store.weights["b"].rows == store.rows
    rows = np.concatenate([table[EVENT_WEIGHT] for table in store.tables([EVENT_WEIGHT])])
    total = store.weights["s"] + store.weights["b"]
    assert (total.rows, total.negative) == (len(rows), (rows < 0).sum())
    assert (total.total, total.squares) == (pytest.approx(rows.sum()), pytest.approx((rows**2).sum()))
    assert total.effective < 0.8 * len(rows)


def area(rows: dict[str, NDArray[Any]]) -> float:
    """The area under the ROC curve of d0, from the exact order of the objects; weights count as they are."""
    order = np.argsort(-rows["d0"], kind="stable")
    label, weight = rows["target_classes"][order], rows[EVENT_WEIGHT][order]
    fpr, tpr = (np.cumsum(np.where(label == each, weight, 0)) for each in (0, 1))
    return float(np.trapezoid(tpr / tpr[-1], fpr / fpr[-1]))


def test_the_area_is_that_of_scikit_learn(result: api.Result) -> None:
    """Scores are binned in 2000, which is worth less than 1e-3. Negative weights, too, which scikit-learn refuses."""
    from sklearn.metrics import roc_auc_score

    rows = rows_of(result)
    positive = {name: values[rows[EVENT_WEIGHT] > 0] for name, values in rows.items()}
    known = roc_auc_score(positive["target_classes"], positive["d0"], sample_weight=positive[EVENT_WEIGHT])
    assert area(positive) == pytest.approx(known, abs=1e-6)
    found = result.figure("d0", "auc")
    assert found.value == pytest.approx(area(rows), abs=1e-3)
    weight = rows[EVENT_WEIGHT]
    own = [weight[rows["target_classes"] == label] for label in (0, 1)]
    assert found.entries == pytest.approx(sum(each.sum() ** 2 / (each**2).sum() for each in own), abs=2)


def test_thresholds_pass_their_share_of_the_weights(result: api.Result) -> None:
    """They are found on validation, and half of the signal's weight passes."""
    found = result.figure("d0", "efficiency_signal")
    assert found.value == pytest.approx(50, abs=4 * found.uncertainty)


def test_a_measure_may_count_each_object_once(files: Path, tmp_path: Path, client: Client) -> None:
    values = values_of(files)
    values["measures"] = {"w": values["measures"]["tagging"], "n": values["measures"]["tagging"] | {"weighted": False}}
    values["models"].pop("brt")
    result = api.run(job_of(tmp_path, values), tmp_path / "run", client)
    both = {name: result.figure("d0", "auc", measure=name) for name in ("w", "n")}
    counted = FeatureStore.load(RunFolder(result.folder).features).rows - len(rows_of(result, "validation")["d0"])
    assert both["n"].entries == counted
    assert both["w"].entries < both["n"].entries
    assert both["w"].value != both["n"].value
    page = result.page.read_text(encoding="utf-8")
    assert "effective" in page
    assert "each object counts once" in page


def test_the_performance_histograms_keep_their_uncertainties(result: api.Result) -> None:
    """In ROOT's file, for whoever fits them."""
    with uproot.open(RunFolder(result.folder).histograms / "performance.root") as file:
        histogram = file["s/d0/tagging/roc"]
        assert (histogram.variances() != np.abs(histogram.values())).any()
        assert histogram.variances().sum() > 0


def test_another_weight_reads_no_file(files: Path, result: api.Result, client: Client) -> None:
    """Shards stay; figures and trainings are made anew, and none with another weight than the store's."""
    folder = RunFolder(result.folder)
    before = {path: path.stat().st_mtime_ns for path in folder.features.rglob("*.parquet")}
    first = result.figure("brt", "auc")
    job = job_of(files, values_of(files, luminosity=2 * LUMINOSITY))
    with pytest.raises(RequestError, match="the weight that the job file defines is not that of the feature store"):
        api.train(job, folder.path, client)
    found = api.run(job, folder.path, client)
    assert {path: path.stat().st_mtime_ns for path in folder.features.rglob("*.parquet")} == before
    store = FeatureStore.load(folder.features)
    assert store.weight is not None
    assert store.weight.factors["s"] == pytest.approx(2 * CROSS_SECTION * LUMINOSITY * 0.1)
    assert found.figure("brt", "auc").value == pytest.approx(first.value, abs=1e-6), (
        "balanced: it is of the same shapes"
    )
    api.run(result.job, folder.path, client)


@pytest.mark.parametrize(
    ("generated", "total"),
    [
        ({"kind": "histogram_bin", "histogram": "sums", "bin": 2}, 10_000),
        ({"kind": "histogram_bin", "histogram": "sums"}, 10_003),
        ({"kind": "entries"}, None),
        ({"kind": "branch_sum", "tree": "tree", "branch": "w"}, None),
    ],
)
def test_where_sums_of_generated_weights_are(
    generated: dict[str, Any], total: float | None, files: Path, result: api.Result, tmp_path: Path, client: Client
) -> None:
    values = values_of(files)
    values["weight"] = values["weight"] | {"generated": generated}
    api.process(job_of(tmp_path, values), tmp_path / "run", client)
    found = FeatureStore.load(RunFolder(tmp_path / "run").features).generated["s"]
    signal = FeatureStore.load(RunFolder(result.folder).features)
    with_ones = {
        "entries": signal.weights["s"].rows,
        "branch_sum": signal.weights["s"].total / signal.weight.factors["s"],
    }  # type: ignore[union-attr]
    assert found == pytest.approx(total if total is not None else with_ones[generated["kind"]], rel=1e-6)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no luminosity": ({"luminosity": None}, r"samples\.s\.cross_section: a cross-section needs the job's 'luminosity'"),
    "no sums": ({"weight": {"columns": ["w"]}}, r"samples\.s\.cross_section: .*'generated' under the job's 'weight'"),
    "no such column": (
        {"weight": {"columns": ["wt"], "generated": {"kind": "entries"}}},
        r"weight\.columns: the processor makes no column 'wt'",
    ),
    "no such branch": (
        {"weight": {"columns": ["w"], "generated": {"kind": "branch_sum", "branch": "genEventSumw2"}}},
        r"tree Runs has no branch 'genEventSumw2'",
    ),
    "no such histogram": (
        {"weight": {"columns": ["w"], "generated": {"kind": "histogram_bin", "histogram": "sumw"}}},
        r"there is no histogram 'sumw', .*sums",
    ),
    "no such kind": (
        {"weight": {"columns": ["w"], "generated": {"kind": "branchsum"}}},
        r"weight\.generated\.kind: .*branch_sum",
    ),
    "no use of a luminosity": (
        {
            "samples": {"b": {"tree": "tree", "files": ["b.root"]}},
            "target": {"truth": "label"},
            "measures": toy_values("")["measures"],
        },
        r"luminosity: no sample has a 'cross_section'",
    ),
    "no bookkeepers": (
        {"weight": {"columns": ["w"], "generated": {"kind": "cut_bookkeepers"}}},
        r"it has no MetaData with CutBookkeepersAux\.",
    ),
    "negative": (
        {"weight": {"columns": ["w"], "generated": {"kind": "entries"}}},
        r"training rows have negative weights: expected 'negative: drop'.* under 'weight\.training'",
    ),
    "negative in a class": (
        {
            "target": {
                "classes": {"signal": {"where": {"w": {"high": 0}}}, "background": {"where": {"w": {"low": 0}}}}
            },
        },
        r"class signal of target_classes: the weights \(w\) of its .* rows add up to -.*: expected more than zero",
    ),
    "kept for trees": (
        {"weight": {"columns": ["w"], "generated": {"kind": "entries"}, "training": {"negative": "keep"}}},
        r"cannot take them: expected 'negative: drop' or 'negative: absolute' under 'weight\.training'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named(name: str, files: Path, tmp_path: Path, client: Client) -> None:
    changes, expected = WRONG[name]
    with pytest.raises((RequestError, RunError)) as error:
        api.run(job_of(tmp_path, values_of(files, **changes)), tmp_path / "run", client)
    assert re.search(expected, str(error.value), re.DOTALL), str(error.value)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (999, "column w of sample b is nan in 1 of"),
        (998, "column w of sample b is inf in 1 of"),
        (0.0, r"sample b: the weights \(w\) of all .* rows are zero: .* name other columns"),
        (-1.0, r"sample b: the weights \(w\) of its .* rows add up to -.* name other columns"),
    ],
)
def test_wrong_weights_are_named(weight: float, expected: str, files: Path, tmp_path: Path, client: Client) -> None:
    branches = branches_of(2000, 3)
    branches["w"][500 if weight > 1 else slice(None)] = weight
    write_events(tmp_path / "b.root", branches)
    values = values_of(files)
    values["samples"]["b"] |= {"files": [str(tmp_path / "b.root")]}
    with pytest.raises((RequestError, RunError), match=expected):
        api.run(job_of(tmp_path, values), tmp_path / "run", client)


def test_a_file_without_its_sum_is_quarantined_and_its_sum_is_missing(
    files: Path, tmp_path: Path, client: Client
) -> None:
    signal = branches_of(ROWS, 1)
    rows = signal["label"] == 1
    write_events(tmp_path / "bare.root", {key: values[rows] for key, values in signal.items()})
    values = values_of(files, tolerate=0.9)
    values["samples"]["s"]["files"] = [str(files / "s0.root"), str(tmp_path / "bare.root")]
    api.process(job_of(tmp_path, values), tmp_path / "run", client)
    store = FeatureStore.load(RunFolder(tmp_path / "run").features)
    assert store.generated == {"s": GENERATED["s0"]}
    (lost,) = store.quarantined
    assert "there is no 'Runs'" in lost.reason


@pytest.mark.parametrize(
    ("name", "generated", "total"),
    [
        ("pfnano.root", {"kind": "branch_sum"}, 10.0),
        ("physlite_r23_ttbar.root", {"kind": "cut_bookkeepers"}, 39095.759765625),
        ("atlas_wt_ntuple.root", {"kind": "branch_sum", "tree": "WtLoop_meta", "branch": "totalWeights"}, 860_000.0),
    ],
)
def test_sums_of_genuine_files(name: str, generated: dict[str, Any], total: float, shared: Path) -> None:
    from lineshape.engine.core.kinds import KindSpec
    from lineshape.engine.input.generated_sum import GENERATED as KINDS

    kind = KINDS.build(KindSpec(**generated), ("weight", "generated"))
    with uproot.open(shared / "real" / name) as file:
        assert kind.checked(file, name, 10) == total


def test_other_files_of_a_sample_are_weighted_as_it_is(files: Path) -> None:
    """Whatever its settings; files of other names need no cross-section, as those of data have none."""
    job_of(files, values_of(files))
    other = load(files / "job.yaml", {"s": ["other.root"], "data": ["data.root"]})
    assert other.samples["s"].cross_section == CROSS_SECTION
    assert other.samples["s"].files == ["other.root"]
    assert load(files / "job.yaml", {"b": ["other.root"]}).samples["b"].scale == 0.5
    assert load(files / "job.yaml", {"data": ["data.root"]}).luminosity == LUMINOSITY


def test_scores_of_data_need_no_weights(files: Path, result: api.Result, tmp_path: Path, client: Client) -> None:
    """Of a job with classes from samples, cross-sections and sums of generated weights, which data have not."""
    applied = apply(result.folder, {"data": [str(files / "b.root")]}, tmp_path / "scores", client=client)
    with uproot.open(files / "b.root") as inputs, uproot.open(applied.files[0].output) as outputs:
        table = inputs["tree"].arrays(library="np")
        expected = result.model("brt").predict(table).estimate
        np.testing.assert_allclose(outputs["tree"]["brt"].array(library="np"), expected, rtol=1e-6)
    # Nor have they the branch of the weights.
    del table["w"]
    write_events(tmp_path / "data.root", table)
    applied = apply(result.folder, {"data": [str(tmp_path / "data.root")]}, tmp_path / "bare", client=client)
    with uproot.open(applied.files[0].output) as outputs:
        np.testing.assert_allclose(outputs["tree"]["brt"].array(library="np"), expected, rtol=1e-6)


def test_a_sample_without_a_cross_section_beside_others_is_said(files: Path, tmp_path: Path, client: Client) -> None:
    values = values_of(files)
    del values["samples"]["b"]["scale"]
    found = api.process(job_of(tmp_path, values), tmp_path / "run", client)
    assert [note for note in found.store.notes if note.startswith("b has no 'cross_section', as other samples have")]


@pytest.mark.parametrize("changes", [{"weight.training.use": False}, {"weight.training.negative": "absolute"}])
def test_a_saved_job_takes_other_settings(changes: dict[str, Any], result: api.Result) -> None:
    """Not those that its models were given when it was saved."""
    job = load(result.folder, changes=changes)
    weight = job.models["brt"].settings.get("weight")
    assert weight == (
        None
        if "weight.training.use" in changes
        else {"kind": "event", "negative": "absolute", "classes": "target_classes"}
    )


def test_a_saved_job_is_the_same(result: api.Result) -> None:
    """The weights of trainings are written out once, however often a job file is read."""
    again = api.Job.model_validate(json.loads(result.job.model_dump_json()))
    assert again == result.job
    assert again.models["brt"].settings["weight"] == {"kind": "event", "negative": "drop", "classes": "target_classes"}
