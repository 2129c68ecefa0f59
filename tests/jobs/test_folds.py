"""Folds and seeds: every event is predicted by a model that did not see it, in figures, files and other studies."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from distributed import Client
from numpy.typing import NDArray

from lineshape.engine.core.errors import DataError, IncompleteRunError, RequestError, RunError
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import Fold, Folds, Split
from lineshape.engine.export.exporting import export
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.reprocessing.comparison import obstacle, put_in_place
from lineshape.jobs import api
from lineshape.jobs.applying import apply
from lineshape.jobs.job_files import load
from tests.faults.trainings import digests
from tests.jobs.test_weights import values_of as weighted_values
from tests.jobs.toys import events, figures_alone, job_of, toy_values, write_events

PROCESSES = 6

pytestmark = pytest.mark.processes

FOLDS = 3
ROWS = 6000
#: Trees that draw rows, so that their seed matters.
TREES: dict[str, Any] = toy_values("")["models"]["brt"] | {"rounds": 10, "rows": 0.5}
MODELS: dict[str, Any] = {
    "d0": {"kind": "column", "column": "d0"},
    "brt": TREES,
    "several": TREES | {"seeds": [5, 6], "seed": 9},
    "mdn": {
        "kind": "neural",
        "features": "f",
        "truth": "pt",
        "network": {"kind": "mixture_density", "layers": [8]},
        "loss": {"kind": "negative_log_likelihood"},
        "epochs": 1,
        "seeds": 2,
        "minimum_entries": 10,
    },
    "both": {"kind": "ensemble", "models": ["several", "brt"]},
}


def values_of(files: Path, **changes: Any) -> dict[str, Any]:
    """A weighted job of two samples in folds, with one model, one of two seeds and a network of two seeds."""
    values = weighted_values(files, **{"folds": FOLDS, "models": MODELS} | changes)
    values["samples"] = {
        "s": {"tree": "tree", "files": [str(files / "s.root")], "scale": 2.0},
        "b": {"tree": "tree", "files": [str(files / "b.root")], "scale": 0.5},
    }
    values["weight"] = {"columns": ["w"], "training": {"negative": "drop"}}
    bare = {"kind": figures_alone()["tagging"]["kind"], "models": ["d0", "brt", "several", "both"]}
    values["measures"]["tagging"] |= bare
    del values["luminosity"]
    return values


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signal and background, each in a file, with positive weights."""
    folder = tmp_path_factory.mktemp("folds")
    branches = events(ROWS, 3)
    branches["w"] = np.random.default_rng(4).gamma(4, 0.25, ROWS).astype(np.float32)
    for name, label in {"s": 1, "b": 0}.items():
        write_events(
            folder / f"{name}.root", {key: values[branches["label"] == label] for key, values in branches.items()}
        )
    return folder


@pytest.fixture(scope="module")
def result(files: Path, client: Client) -> api.Result:
    return api.run(job_of(files, values_of(files)), files / "run", client)


@pytest.fixture(scope="module")
def rows(result: api.Result) -> dict[str, NDArray[Any]]:
    """All rows of the feature store."""
    names = ["event", "d0", "pt", "target_classes", EVENT_WEIGHT]
    tables = [*result.events("all", names)]
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


def test_every_event_is_predicted_by_the_model_of_its_fold(result: api.Result, rows: dict[str, NDArray[Any]]) -> None:
    """Which was trained on the events of the others, but for the next fold, by which it was chosen."""
    bundle, fold = result.model("brt"), Folds(folds=FOLDS).fold_of(rows["event"])
    found = bundle.predict(rows).estimate
    for number, part in enumerate(bundle.made_of):
        own = fold == number
        assert np.array_equal(found[own], part.predict({name: each[own] for name, each in rows.items()}).estimate)
        assert part.seen is not None
        assert part.seen.own == Fold(folds=FOLDS, fold=number)
        learnt = (fold != number) & (fold != (number + 1) % FOLDS)
        assert part.provenance["training_rows"] == learnt.sum()
        assert part.provenance["validation_rows"] == (fold == (number + 1) % FOLDS).sum()
    assert len({*digests_of(bundle)}) == FOLDS
    with pytest.raises(RequestError, match="needs columns event, which were not given, by which it knows the fold"):
        bundle.predict({"pt": rows["pt"], "d0": rows["d0"]})


def digests_of(bundle: Bundle) -> list[str]:
    return [json.dumps(leaf.files) for leaf in bundle.leaves.values()]


def test_figures_are_of_all_events(result: api.Result, rows: dict[str, NDArray[Any]]) -> None:
    """Scores are binned in 2000, which is worth less than 1e-3."""
    from sklearn.metrics import roc_auc_score

    for name in ("brt", "several", "both", "d0"):
        estimate = result.model(name).predict(rows).estimate
        known = roc_auc_score(rows["target_classes"], estimate, sample_weight=rows[EVENT_WEIGHT])
        found = result.figure(name, "auc")
        assert found.value == pytest.approx(known, abs=1e-3)
        weights = [rows[EVENT_WEIGHT][rows["target_classes"] == label] for label in (0, 1)]
        assert found.entries == pytest.approx(sum(each.sum() ** 2 / (each**2).sum() for each in weights), abs=2)
    page = result.page.read_text(encoding="utf-8")
    assert "all events, each predicted by the model of its fold, which was not trained on it" in page


def test_several_seeds_are_one_model(result: api.Result, rows: dict[str, NDArray[Any]]) -> None:
    """The mean, with what they differ by as the spread; of mixtures, that of the mixture of all."""
    bundle = result.model("several")
    assert list(bundle.leaves) == [f"seed_{seed}/fold_{fold}" for seed in (5, 6) for fold in range(FOLDS)]
    assert len({*digests_of(bundle)}) == 2 * FOLDS
    found = bundle.predict(rows)
    members = [
        np.choose(Folds(folds=FOLDS).fold_of(rows["event"]), [fold.predict(rows).estimate for fold in seed.made_of])
        for seed in bundle.made_of
    ]
    assert np.allclose(found.estimate, np.mean(members, axis=0))
    assert found.spread is not None
    assert np.allclose(found.spread, np.std(members, axis=0, ddof=1) / found.estimate)
    mixture = result.model("mdn").predict(rows).mixture
    assert mixture is not None
    one = result.model("mdn").made_of[0].made_of[0].predict(rows).mixture
    assert one is not None
    assert mixture.weights.shape[1] == 2 * one.weights.shape[1]
    assert [leaf.provenance["seed"] for leaf in result.model("mdn").leaves.values()] == [1] * FOLDS + [2] * FOLDS


def test_an_ensemble_is_the_mean_of_its_models(result: api.Result, rows: dict[str, NDArray[Any]]) -> None:
    """Of copies of their bundles, so that it can be taken elsewhere; its spread is what they differ by."""
    bundle = result.model("both")
    members = [result.model(name).predict(rows).estimate for name in ("several", "brt")]
    found = bundle.predict({name: rows[name] for name in bundle.columns})
    assert np.array_equal(found.estimate, np.mean(members, axis=0))
    assert found.spread is not None
    assert np.allclose(found.spread, np.std(members, axis=0, ddof=1) / found.estimate)
    assert bundle.seen == result.model("brt").seen == Bundle.load(bundle.folder / "several").seen
    assert not bundle.trainings
    assert not [*result.folder.rglob("loss_both*")]
    with pytest.raises(RequestError, match="both is the mean of several, brt: export each of these"):
        export(RunFolder(result.folder), "both", "onnx-trees")


def test_the_spread_of_trainings_is_told_from_statistics(result: api.Result, rows: dict[str, NDArray[Any]]) -> None:
    """Each training is measured as a model of its own, on the same events."""
    from sklearn.metrics import roc_auc_score

    label, weight = rows["target_classes"], rows[EVENT_WEIGHT]
    trainings = result.model("several").trainings
    assert [*trainings] == ["several#seed_5", "several#seed_6"]
    areas = [roc_auc_score(label, each.predict(rows).estimate, sample_weight=weight) for each in trainings.values()]
    (row,) = (row for row in result.rows if (row.model, row.figure, row.by) == ("several", "auc", ""))
    assert row.training_mean == pytest.approx(np.mean(areas), abs=5e-4)
    assert row.training_spread == pytest.approx(np.std(areas, ddof=1), abs=2e-4)
    assert row.training_spread > 0
    assert {row.model for row in result.rows if row.training_mean is not None} == {"several"}
    page = result.page.read_text(encoding="utf-8")
    assert "and single trainings" in page
    assert {row.model for row in result.rows} == {*MODELS} - {"mdn"}, "trainings are no models"
    assert not {key for key in result.histograms if "seed" in str(key)}


def test_scores_in_files_are_those_of_the_folds(
    files: Path, result: api.Result, rows: dict[str, NDArray[Any]], tmp_path: Path, client: Client
) -> None:
    """By the events' own numbers, though the processor sees codes in place of them."""
    from sklearn.metrics import roc_auc_score

    applied = apply(
        result.folder, {name: [str(files / f"{name}.root")] for name in "sb"}, tmp_path, ["brt", "mdn"], client=client
    )
    scores, weights, labels = [], [], []
    for each in applied.files:
        with uproot.open(each.output) as out, uproot.open(files / Path(each.output).name) as file:
            own, there = out["tree"].arrays(library="np"), file["tree"].arrays(library="np")
        known = result.model("mdn").predict(there)
        assert np.array_equal(own["mdn"], known.estimate)
        assert known.spread is not None
        assert np.array_equal(own["mdn_sigma"], known.spread * np.abs(known.estimate))
        scores.append(own["brt"])
        weights.append(there["w"] * {"s": 2.0, "b": 0.5}[Path(each.output).stem])
        labels.append(there["label"])
    area = roc_auc_score(*map(np.concatenate, (labels, scores)), sample_weight=np.concatenate(weights))
    assert result.figure("brt", "auc").value == pytest.approx(area, abs=1e-3)


def test_events_without_a_number_of_their_own_are_refused(
    files: Path, result: api.Result, rows: dict[str, NDArray[Any]], tmp_path: Path, client: Client
) -> None:
    """Where scores are made, as where columns are: one fold's model would score them all."""
    with uproot.open(files / "s.root") as file:
        branches = file["tree"].arrays(library="np")
    write_events(tmp_path / "same.root", branches | {"event": np.full(len(branches["event"]), 7)})
    with pytest.raises((IncompleteRunError, RunError), match="branch event is 7 in all entries"):
        apply(result.folder, {"s": [str(tmp_path / "same.root")]}, tmp_path / "to", ["brt"], client=client)
    for wrong in (np.nan, 0.5):
        with pytest.raises(DataError, match="bundle brt, column event: expected event numbers, whole"):
            result.model("brt").predict({**rows, "event": rows["event"] + wrong})


def test_each_fold_is_exported_and_says_which_events_it_is_for(result: api.Result, tmp_path: Path) -> None:
    import onnx

    found = export(RunFolder(result.folder), "brt", "onnx-trees", tmp_path / "trees.onnx")
    assert [each.path.name for each in found] == [f"trees_fold_{fold}.onnx" for fold in range(FOLDS)]
    assert "each of the 3 folds has its own file, for the events of that fold alone" in found[0].remarks[-1]
    for fold, each in enumerate(found):
        about = {entry.key: entry.value for entry in onnx.load(each.path).metadata_props}
        assert json.loads(about["events"]) == {"folds": FOLDS, "fold": fold}
    assert "the mean of 2 files" in export(RunFolder(result.folder), "several", "onnx-trees")[0].remarks[-1]


def test_another_seed_leaves_what_is_trained(files: Path, result: api.Result, client: Client, tmp_path: Path) -> None:
    folder = RunFolder(shutil.copytree(result.folder, tmp_path / "run"))
    values = values_of(files)
    values["models"] = MODELS | {"several": TREES | {"seeds": [5, 6, 7]}}
    before = {path: path.stat().st_mtime_ns for path in folder.models.rglob("trees.ubj") if "both" not in path.parts}
    trained = api.train(job_of(tmp_path, values), folder.path, client)
    assert trained.made == ["several", "both"]
    after = {path: path.stat().st_mtime_ns for path in folder.models.rglob("trees.ubj") if "both" not in path.parts}
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + FOLDS
    values = values_of(files, folds=None)
    api.train(job_of(tmp_path, values), folder.path, client, models=["brt"])
    assert sorted(path.name for path in (folder.models / "brt").iterdir()) == [
        "bundle.json",
        "history.jsonl",
        "trees.ubj",
    ], "nothing is left of the folds"


def test_an_ensemble_asks_for_its_models(files: Path, result: api.Result, client: Client, tmp_path: Path) -> None:
    """And is left out without one of them, with the reason."""
    run = RunFolder(tmp_path / "run")
    shutil.copytree(RunFolder(result.folder).features, run.features)
    shutil.copy(RunFolder(result.folder).job, run.job)
    models = {"d0": MODELS["d0"], "brt": TREES, "like": TREES | {"seed": 3}, "alone": TREES | {"seed": 4}}
    models["both"] = {"kind": "ensemble", "models": ["like", "brt"]}
    values = values_of(files, folds=None, models=models)
    del values["measures"]["tagging"]["models"]
    trained = api.train(job_of(tmp_path, values), run.path, client, models=["both"])
    assert trained.made == ["brt", "like", "both"]
    before = Bundle.load(run.models / "both").digest
    models["like"] = TREES | {"seed": 5}
    trained = api.train(job_of(tmp_path, values), run.path, client)
    assert trained.made == ["d0", "like", "alone", "both"]
    assert Bundle.load(run.models / "both").digest != before
    models["like"] = TREES | {"seed": 5, "minimum_entries": ROWS}
    shutil.rmtree(run.models / "like")
    trained = api.train(job_of(tmp_path, values), run.path, client)
    assert trained.left_out["like"].endswith("(minimum_entries)")
    # What it is made of is as before, and stands.
    assert "both" in trained.bundles
    shutil.rmtree(run.models / "both")
    trained = api.train(job_of(tmp_path, values), run.path, client)
    assert trained.left_out["both"] == "it is a mean, and there is no bundle of like"


def test_killed_folds_go_on_to_the_same_bits(files: Path, result: api.Result, tmp_path: Path, client: Client) -> None:
    """And those that were trained are not trained again."""
    run = RunFolder(tmp_path / "run")
    shutil.copytree(RunFolder(result.folder).features, run.features)
    shutil.copy(RunFolder(result.folder).job, run.job)
    slow = TREES | {"rows": 1.0, "rounds": 400, "early_stopping": 400, "checkpoint": 100}
    values = values_of(files, models={"d0": MODELS["d0"], "slow": slow})
    del values["measures"]["tagging"]["models"]
    job_of(tmp_path, values)
    command = [sys.executable, "-m", "tests.faults.trainings", str(tmp_path / "job.yaml"), str(run.path)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (first := [*run.models.glob("slow/fold_*/bundle.json")]):
        assert driver.poll() is None
        time.sleep(0.01)
    driver.kill()
    driver.wait()
    kept = {path: path.stat().st_mtime_ns for path in first}
    assert len(kept) < FOLDS
    assert not (run.models / "slow" / "bundle.json").exists()
    api.train(load(tmp_path / "job.yaml"), run.path, client)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    found = {fold: digests(run, f"slow/fold_{fold}") for fold in range(FOLDS)}
    shutil.rmtree(run.models)
    api.train(load(tmp_path / "job.yaml"), run.path, client)
    assert {fold: digests(run, f"slow/fold_{fold}") for fold in range(FOLDS)} == found


def test_a_column_of_folds_is_of_events_that_it_did_not_see(
    files: Path, result: api.Result, rows: dict[str, NDArray[Any]], tmp_path: Path, client: Client
) -> None:
    """So that all events of a study that reads it may count."""
    values = values_of(files, folds=None)
    column = {"bundle": str(result.folder / "models" / "brt"), "low": 0, "high": 1}
    values |= {"derived": {"score": column}, "baseline": "score"}
    values["models"] = {"score": {"kind": "column", "column": "score"}}
    values["measures"]["tagging"]["models"] = []
    found = api.run(job_of(tmp_path, values), tmp_path / "run", client)
    tables = [*found.events("all", ["event", "score"])]
    event, score = (np.concatenate([table[name] for table in tables]) for name in ("event", "score"))
    order, own = np.argsort(event), np.argsort(rows["event"])
    known = result.model("brt").predict(rows).estimate
    assert np.array_equal(score[order], known[own].astype(np.float32))
    assert found.figure("score", "auc").value == pytest.approx(result.figure("brt", "auc").value, abs=2e-3)


def test_a_folded_champion_is_measured_elsewhere(
    result: api.Result, rows: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """Copied with its parts, under another name, it says the same; a part that was changed is damage."""
    bundle, run = result.model("several"), RunFolder(tmp_path)
    store = FeatureStore.load(RunFolder(result.folder).features)
    assert obstacle(bundle, Split(), result.job, store) == ""
    unfolded = result.job.model_copy(update={"folds": None})
    assert "the split changed" in obstacle(
        bundle, Split(), unfolded, FeatureStore.load(RunFolder(result.folder).features)
    )
    run.models.mkdir()
    put_in_place({"champion": bundle}, {"champion": "Champion"}, run)
    copied = Bundle.load(run.models / "champion")
    assert copied.label == "Champion"
    assert np.array_equal(copied.predict(rows).estimate, bundle.predict(rows).estimate)
    put_in_place({"champion": result.model("both")}, {"champion": "Champion"}, run)
    mean = Bundle.load(run.models / "champion")
    assert np.array_equal(mean.predict(rows).estimate, result.model("both").predict(rows).estimate)
    put_in_place({"champion": bundle}, {"champion": "Champion"}, run)
    record = run.models / "champion" / "seed_5" / "bundle.json"
    record.write_text(record.read_text(encoding="utf-8").replace("several", "severed"), encoding="utf-8")
    with pytest.raises(RunError, match="its content is not what was written"):
        Bundle.load(run.models / "champion")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"folds": 2}, "folds"),
        ({"folds": 3, "split": {"test": 0.5}}, "there are folds (3), which divide the events: leave out 'split'"),
    ],
)
def test_folds_that_cannot_be(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as told:
        job_of(tmp_path, toy_values("a.root", **changes))
    assert said in str(told.value)
    assert "line" in str(told.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"kind": "column", "column": "d0", "seeds": 2}, "seeds: nothing is trained"),
        (TREES | {"seeds": [1, 1]}, "a seed is listed twice"),
        (TREES | {"rows": 1, "seeds": 2}, "seeds: nothing in this training is drawn at random"),
        ({"kind": "paired_trees", "features": "f"}, "each training of this kind finds a variable of its own"),
        ({"kind": "paired_trees", "features": "f", "seeds": 2}, "seeds: its trainings find variables of their own"),
        ({"kind": "ensemble", "models": ["brt"]}, "models"),
        ({"kind": "ensemble", "models": ["brt", "brt"]}, "'brt' is listed twice"),
        ({"kind": "ensemble", "models": ["brt", "btr"]}, "'btr' is not a model"),
        ({"kind": "ensemble", "models": ["brt", "d0"]}, "d0 is not trained itself"),
        ({"kind": "ensemble", "models": ["brt", "of_pt"]}, "of_pt and brt do not have the same target"),
        ({"kind": "ensemble", "models": ["brt", "inside"]}, "inside and brt do not have the same within"),
        ({"kind": "ensemble", "models": ["brt", "like"], "seed": 2}, "seed: an ensemble takes it from its members"),
    ],
)
def test_models_that_have_no_mean(model: dict[str, Any], said: str, tmp_path: Path) -> None:
    values = toy_values("a.root", folds=3)
    values["models"] |= {"of_pt": TREES | {"truth": "pt"}, "inside": TREES | {"within": {"pt": {"low": 20}}}}
    values["models"] |= {"d0": MODELS["d0"], "like": TREES, "other": model}
    with pytest.raises(RequestError) as told:
        job_of(tmp_path, values)
    assert said in str(told.value)


def test_a_fold_without_events_or_without_a_class_is_named(tmp_path: Path, client: Client) -> None:
    """More folds than events, and signal in one fold alone."""
    few = events(8)
    write_events(tmp_path / "few.root", few)
    values = toy_values(str(tmp_path / "few.root"), folds=20, measures=figures_alone())
    values["models"]["brt"]["minimum_entries"] = 1
    run = RunFolder(tmp_path / "few")
    api.run(job_of(tmp_path, values), run.path, client)
    left = json.loads(run.index.read_text(encoding="utf-8"))["left_out"]["brt"]
    assert left.startswith("fold ")
    assert "validation rows are too few" in left
    assert left.endswith(": 20 folds are too many for so few events")
    many = events(2000)
    signal = Folds(folds=4).fold_of(many["event"].astype(np.uint64)) == 2
    write_events(tmp_path / "many.root", many | {"label": signal.astype(np.int32)})
    values = toy_values(str(tmp_path / "many.root"), folds=4, measures=figures_alone())
    values["target"] = {"classes": {"s": {"where": {"label": 1}}, "b": {"where": {"label": 0}}}}
    values["measures"]["tagging"] |= {"signal": "s"}
    for key in ("truth", "classes"):
        del values["measures"]["tagging"][key]
    run = RunFolder(tmp_path / "many")
    api.run(job_of(tmp_path, values), run.path, client)
    left = json.loads(run.index.read_text(encoding="utf-8"))["left_out"]["brt"]
    assert left.startswith("fold 0: class s has no validation rows: ")
    assert "of which none is in the folds for validation and meets the conditions: use fewer folds" in left
