"""What a model is trained on: which rows, with which weights, and columns that are mixed up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_selection import Choice, Part, Range
from lineshape.engine.core.split import Split, Target
from lineshape.engine.feature_store import tables
from lineshape.engine.feature_store.shards import Table, read_columns
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.learning.data import counting
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.table import make_table
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset
from lineshape.engine.learning.roles.training_task import TrainingTask
from lineshape.engine.learning.roles.weight import WEIGHT
from lineshape.engine.learning.weights.flat import FlatWeights
from tests.engine.learning.stores import make_store, train

N = 6000
TARGET = Target(truth="label")


CLASSIFIERS: dict[str, dict[str, Any]] = {
    "trees": {"kind": "boosted_trees", "objective": "logistic", "rounds": 40, "depth": 3},
    "network": {
        "kind": "neural",
        "network": {"kind": "classifier", "layers": [16]},
        "loss": {"kind": "binary_cross_entropy"},
        "epochs": 10,
        "batch": 128,
        "rate": 0.01,
    },
}


@pytest.fixture
def columns(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Labels that follow from a (and not from b), pt beside them."""
    a = rng.random(N)
    label = (rng.random(N) < a).astype(float)
    return {"a": a, "b": rng.random(N), "pt": rng.uniform(10, 100, N), "label": label, "origin": 2 * label}


@pytest.fixture
def store(columns: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """Two samples: the first and the second half of the rows."""
    made = make_store(tmp_path / "store", columns, shards=2)
    shards = tuple(
        Shard(each.path, name, each.rows, each.identity) for each, name in zip(made.shards, "xy", strict=True)
    )
    FeatureStore(made.folder, shards, made.columns, {}, N, N).save()
    return tmp_path / "store"


def rows_of(data: Dataset, names: list[str]) -> dict[str, np.ndarray]:
    tables = [table for table, _ in data.tables("training", names)]
    return {name: np.concatenate([table[name] for table in tables]) for name in names}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Shards as they are read."""
    found: list[Path] = []

    def read(path: Path, names: Sequence[str]) -> Table:
        found.append(path)
        return read_columns(path, names)

    monkeypatch.setattr(tables, "read_columns", read)
    return found


def test_rows_of_many_models_are_counted_in_one_pass(store: Path, reads: list[Path]) -> None:
    """As each alone would count them; those of one sample, of which no other shard is read."""
    choices = {
        "all": Choice(),
        "y": Choice(learns_from=[Part(samples=["y"], where={"pt": Range(low=50)})]),
        "within": Choice(within={"a": Range(high=0.5)}),
    }
    datasets = {name: Dataset(store, ("a",), TARGET, Split(), choice) for name, choice in choices.items()}
    datasets |= {"again": Dataset(store, ("b", "a"), TARGET, Split(test=1 / 3))}
    expected = {name: {split: data.count(split) for split in SPLITS} for name, data in datasets.items()}
    made, names = counting.Counting.of(datasets)
    assert names["all"] == names["again"]
    reads.clear()
    found = made(tuple(FeatureStore.load(store).shards))
    assert {name: found[key] for name, key in names.items()} == expected
    assert len(reads) == len(set(reads)) == 2
    reads.clear()
    only, _ = counting.Counting.of({"y": datasets["y"]})
    assert next(iter(only(tuple(FeatureStore.load(store).shards)).values())) == expected["y"]
    assert len(reads) == 1


def test_a_training_reads_each_shard_once(store: Path, tmp_path: Path, reads: list[Path]) -> None:
    data = Dataset(store, ("a", "b"), TARGET, Split())
    make_table(data, Columns(("a", "b"), ("pt",), None, (), 2), tmp_path / "table")
    assert len(reads) == len(set(reads)) == 2
    reads.clear()
    train(CLASSIFIERS["trees"], data, tmp_path / "bundle")
    assert len(reads) == len(set(reads)) == 2


def test_rows_are_those_of_the_samples_and_conditions(store: Path, columns: dict[str, np.ndarray]) -> None:
    choice = Choice(learns_from=[Part(samples=["y"], where={"origin": [2.0]})], within={"pt": Range(low=60)})
    found = rows_of(Dataset(store, ("a",), TARGET, Split(), choice), ["event", "pt", "label"])
    event = np.arange(N, dtype=np.uint64)
    wanted = (event >= N // 2) & (columns["label"] == 1) & (columns["pt"] >= 60) & Split().of(event)["training"]
    assert found["event"].tolist() == event[wanted].tolist()
    assert 300 < wanted.sum() < 420


def test_shuffled_columns_tell_nothing_and_others_all(store: Path) -> None:
    """The correlation of a with the label is 0.58; of 3,200 rows mixed up it is within 0.07 of nought (4 σ)."""
    data = Dataset(store, ("a", "b"), TARGET, Split(), Choice(shuffled=["a"]))
    assert data.x_columns == ("a (shuffled)", "b")
    found = rows_of(data, [*data.x_columns, "a", "label"])
    mixed, plain, label = found["a (shuffled)"], found["a"], found["label"]
    assert np.sort(mixed).tolist() == np.sort(plain).tolist()
    assert np.corrcoef(plain, label)[0, 1] > 0.5
    assert abs(np.corrcoef(mixed, label)[0, 1]) < 0.07
    assert abs(np.corrcoef(mixed, found["b"])[0, 1]) < 0.07
    assert rows_of(data, ["a (shuffled)"])["a (shuffled)"].tolist() == mixed.tolist()


@pytest.mark.parametrize("name", ["trees", "network"])
def test_a_model_learns_nothing_from_a_shuffled_feature(name: str, store: Path, tmp_path: Path) -> None:
    """And its sampler sees the column as it is: as many rows of each label in each half of a."""
    settings = CLASSIFIERS[name] | {"shuffled": ["a"]}
    if name == "network":
        sampler = {"kind": "flat", "column": "a", "low": 0, "high": 1, "bins": 2, "classes": "label", "rows": 800}
        settings |= {"sampler": sampler}
    bundle = train(settings, Dataset(store, ("a", "b"), TARGET, Split(), Choice(shuffled=["a"])), tmp_path / "bundle")
    said = bundle.predict({"a": np.array([0.1, 0.9]), "b": np.array([0.5, 0.5])}).estimate
    assert abs(said[0] - said[1]) < 0.15


def test_weights_are_found_from_the_training_rows(store: Path) -> None:
    weight = FlatWeights(column="pt", low=10, high=100, bins=3, classes="label")
    data = Dataset(store, ("a",), TARGET, Split(), Choice(within={"pt": Range(high=70)}), weight)
    found = rows_of(data, [WEIGHT, "label", "pt"])
    sums = np.histogram2d(found["label"], found["pt"], [[-0.5, 0.5, 1.5], [10, 40, 70]], weights=found[WEIGHT])[0]
    np.testing.assert_allclose(sums, sums[0, 0])


def test_a_work_survives_its_file(store: Path, tmp_path: Path) -> None:
    choice = Choice(learns_from=[Part(samples=["y"], where={"pt": Range(low=60), "origin": [2.0]})], shuffled=["b"])
    weight = {"kind": "flat", "column": "pt", "low": 10, "high": 100, "bins": 3, "classes": "label"}
    spec = KindSpec(kind="boosted_trees", weight=weight)
    data = Dataset(
        store, ("a",), TARGET, Split(), choice, FlatWeights(**{k: v for k, v in weight.items() if k != "kind"})
    )
    TrainingTask("m", spec, data, 1, tmp_path / "bundle", tmp_path / "scratch").save(tmp_path / "work.json")
    assert TrainingTask.load(tmp_path / "work.json").data == data


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_model_says_nothing_of_objects_that_it_is_not_for(name: str, store: Path, tmp_path: Path) -> None:
    settings = CLASSIFIERS[name] | {"within": {"pt": {"low": 60}}}
    data = Dataset(store, ("a", "b"), TARGET, Split(), Choice(within={"pt": Range(low=60)}))
    bundle = train(settings, data, tmp_path / "bundle")
    assert "pt" in bundle.columns
    said = bundle.predict({"a": np.array([0.9, 0.9]), "b": np.array([0.5, 0.5]), "pt": np.array([20.0, 70.0])}).estimate
    assert np.isnan(said[0])
    assert said[1] > 0.7


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_weights_change_what_is_learnt(name: str, store: Path, tmp_path: Path) -> None:
    """Signal that weighs nine times what it did is nine times as likely; the share of it is a half."""
    shares = {0: 0.1, 1: 0.9}
    weight = {"kind": "flat", "column": "pt", "low": 10, "high": 100, "bins": 1, "classes": "label", "shares": shares}
    flat = FlatWeights(**{key: value for key, value in weight.items() if key != "kind"})
    bundle = train(
        CLASSIFIERS[name] | {"weight": weight}, Dataset(store, ("a", "b"), TARGET, Split(), weight=flat), tmp_path / "w"
    )
    said = bundle.predict({"a": np.array([0.5]), "b": np.array([0.5])}).estimate
    assert said[0] == pytest.approx(0.9, abs=0.06)
