"""Contract of every model that trains: it learns a known function, reproducibly, and its bundle predicts the same."""

import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Split, SplitName, Target
from lineshape.engine.learning.blocks.batch import Batch, Sequence
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.fit.augmentation import Augmentation
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from tests.engine.learning.stores import dataset, make_store, train

PROCESSES = 4

FEATURES = ("a", "b")
MODELS: dict[str, dict[str, Any]] = {
    "trees": {"kind": "boosted_trees", "rounds": 60, "depth": 4, "rate": 0.2},
    "dense": {
        "kind": "neural",
        "network": {"kind": "dense", "layers": [32, 32]},
        "loss": {"kind": "mean_squared_error"},
        "epochs": 12,
        "batch": 256,
        "rate": 5e-3,
    },
    "mixture": {
        "kind": "neural",
        "network": {"kind": "mixture_density", "layers": [32, 32]},
        "loss": {"kind": "negative_log_likelihood"},
        "epochs": 12,
        "batch": 256,
        "rate": 5e-3,
    },
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Truth over per is 1 + a/2 − b/4, with 5 % noise."""
    rng, folder = np.random.default_rng(20260101), tmp_path_factory.mktemp("data")
    n = 12_000
    a, b, per = rng.random(n), rng.random(n), rng.uniform(20, 50, n)
    truth = per * (1 + a / 2 - b / 4 + 0.05 * rng.standard_normal(n))
    columns = {"event": np.arange(n, dtype=np.uint64), "a": a, "b": b, "per": per, "truth": truth}
    make_store(folder / "store", columns)
    return Dataset(folder / "store", FEATURES, Target(truth="truth", per="per"), Split())


@pytest.fixture(scope="module")
def bundles(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    """Each model of the table, trained once; not to be changed."""
    folder = tmp_path_factory.mktemp("bundles")
    return {name: train(settings, data, folder / name) for name, settings in MODELS.items()}


def copy_of(bundle: Bundle, folder: Path) -> Path:
    """A bundle to be changed."""
    shutil.copytree(bundle.folder, folder)
    return folder


@pytest.mark.parametrize("name", MODELS)
def test_learns_a_known_function(name: str, bundles: dict[str, Bundle]) -> None:
    bundle = bundles[name]
    a, b = np.meshgrid(np.linspace(0.1, 0.9, 9), np.linspace(0.1, 0.9, 9))
    columns = {"a": a.ravel(), "b": b.ravel(), "per": np.full(81, 30.0)}
    prediction = bundle.predict(columns)
    expected = 1 + columns["a"] / 2 - columns["b"] / 4
    assert prediction.target == pytest.approx(expected, abs=0.04)
    assert prediction.estimate == pytest.approx(30 * prediction.target)
    assert np.abs(prediction.target - expected).mean() < 0.015
    history = read_history(bundle.folder)
    assert history[-1]["validation"] < history[0]["validation"]
    if name == "mixture":
        assert prediction.spread is not None
        assert np.median(prediction.spread * prediction.target) == pytest.approx(0.05, rel=0.15)


@pytest.mark.parametrize("name", MODELS)
def test_same_seed_same_bits(
    name: str, data: Dataset, bundles: dict[str, Bundle], tmp_path: Path, rng: np.random.Generator
) -> None:
    columns = {"a": rng.random(100), "b": rng.random(100), "per": np.full(100, 30.0)}
    first = bundles[name].predict(columns).target
    second = train(MODELS[name], data, tmp_path / "second").predict(columns).target
    assert first.tolist() == second.tolist()


def test_a_bundle_moves(data: Dataset, tmp_path: Path) -> None:
    """It holds all that it needs: the feature store may be gone."""
    shutil.copytree(data.store, tmp_path / "store")
    data = replace(data, store=tmp_path / "store")
    bundle = train(MODELS["mixture"] | {"epochs": 1}, data, tmp_path / "bundle")
    columns = {"a": np.full(3, 0.5), "b": np.full(3, 0.5), "per": np.full(3, 30.0)}
    before = bundle.predict(columns).target
    shutil.rmtree(data.store)
    shutil.move(tmp_path / "bundle", tmp_path / "elsewhere")
    assert Bundle.load(tmp_path / "elsewhere").predict(columns).target.tolist() == before.tolist()


def test_loading_a_bundle_executes_no_code_from_it(bundles: dict[str, Bundle], tmp_path: Path) -> None:
    copy_of(bundles["dense"], tmp_path / "bundle")
    with (tmp_path / "bundle" / "weights.pt").open("wb") as file:
        pickle.dump(Evil(str(tmp_path / "executed")), file, protocol=2)
    columns = {"a": np.ones(3), "b": np.ones(3), "per": np.ones(3)}
    with pytest.raises(RunError, match=r"weights\.pt is damaged"):
        Bundle.load(tmp_path / "bundle").predict(columns)
    assert not (tmp_path / "executed").exists()


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path(self.path),))


@pytest.mark.parametrize(
    ("model", "files"), [("trees", ["trees.ubj", "bundle.json"]), ("dense", ["weights.pt", "bundle.json"])]
)
def test_a_damaged_file_of_a_bundle_is_named(
    model: str, files: list[str], bundles: dict[str, Bundle], tmp_path: Path
) -> None:
    copy_of(bundles[model], tmp_path / "bundle")
    columns = {"a": np.ones(3), "b": np.ones(3), "per": np.ones(3)}
    for file in files:
        path = tmp_path / "bundle" / file
        whole = path.read_bytes()
        for content in (b"", whole[:20], whole[: len(whole) // 2], whole[:-10], b"junk" * 100, b"[]", b"{}"):
            path.write_bytes(content)
            with pytest.raises(RunError, match=rf"{file} is damaged .*remove the folder .*lineshape train … -m bundle"):
                Bundle.load(tmp_path / "bundle").predict(columns)
        path.write_bytes(whole)
    (tmp_path / "bundle" / files[0]).unlink()
    with pytest.raises(RunError, match=rf"{files[0]} is damaged \(there is no such file\)"):
        Bundle.load(tmp_path / "bundle").predict(columns)


def test_missing_columns_are_named(bundles: dict[str, Bundle]) -> None:
    with pytest.raises(RequestError, match="needs columns b, per"):
        bundles["trees"].predict({"a": np.ones(3)})


def test_nan_is_named_before_a_network_is_trained(tmp_path: Path) -> None:
    n = 2000
    columns = {
        "event": np.arange(n, dtype=np.uint64),
        "a": np.ones(n),
        "b": np.ones(n),
        "per": np.ones(n),
        "truth": np.ones(n),
    }
    columns["b"][::10] = np.nan
    make_store(tmp_path / "store", columns)
    data = Dataset(tmp_path / "store", FEATURES, Target(truth="truth", per="per"), Split())
    with pytest.raises(RunError, match=r"NaN or infinite: b \(\d+\)"):
        train(MODELS["dense"], data, tmp_path / "bundle")


def test_the_sign_of_a_mirrored_feature_means_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    """Trained on rows of positive a alone, where the truth rises with a, the network says the same of negative a."""
    n = 6000
    a, b = rng.uniform(0.2, 1, n), rng.random(n)
    columns = {"event": np.arange(n, dtype=np.uint64), "a": a, "b": b, "per": np.ones(n), "truth": 1 + a / 2}
    make_store(tmp_path / "store", columns)
    data = Dataset(tmp_path / "store", FEATURES, Target(truth="truth", per="per"), Split())
    settings = MODELS["dense"] | {"scaling": {}, "mirrored": ["a"], "epochs": 20}
    bundle = train(settings, data, tmp_path / "bundle")
    columns = {"a": np.linspace(0.3, 0.9, 7), "b": np.full(7, 0.5), "per": np.ones(7)}
    right, left = bundle.predict(columns).target, bundle.predict(columns | {"a": -columns["a"]}).target
    assert right == pytest.approx(1 + columns["a"] / 2, abs=0.05)
    assert left == pytest.approx(right, abs=0.05)


@pytest.mark.processes
@pytest.mark.parametrize(
    "switch",
    [
        {"precision": "bfloat16"},
        pytest.param({"compile": "default", "batch": 100_000, "epochs": 60, "rate": 0.05}, marks=pytest.mark.drill),
        pytest.param({"compile": "default"}, marks=pytest.mark.drill),
    ],
    ids=["precision", "compile", "compile_batches"],
)
def test_switches_for_gpus_work_on_a_cpu(
    switch: dict[str, Any], data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compiled has batches of one size, all rows in one, or of two sizes; compiling takes a minute."""
    if "compile" in switch and not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler: there is no g++")
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")  # more are processes, and each imports torch
    bundle = train(MODELS["dense"] | switch, data, tmp_path / "bundle")
    history = read_history(tmp_path / "bundle")
    assert history[-1]["validation"] < history[0]["validation"] / 2
    found = bundle.predict({"a": np.full(2, 0.5), "b": np.float64([0.2, 0.8]), "per": np.ones(2)}).target
    assert found == pytest.approx([1.2, 1.05], abs=0.05)


@pytest.mark.processes
def test_a_gpu_that_is_not_there_is_named(data: Dataset, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RunError, match="device: 'cuda' was asked for, and torch sees no GPU on this worker"):
        train(MODELS["dense"] | {"device": "cuda"}, data, tmp_path / "bundle")


def test_metrics_are_told_and_change_nothing(
    data: Dataset, bundles: dict[str, Bundle], tmp_path: Path, rng: np.random.Generator
) -> None:
    metrics = {"squared error": {"kind": "mean_squared_error"}, "median": {"kind": "quantile", "probability": 0.5}}
    plain = bundles["mixture"]
    told = train(MODELS["mixture"] | {"metrics": metrics}, data, tmp_path / "told")
    columns = {"a": rng.random(100), "b": rng.random(100), "per": np.full(100, 30.0)}
    assert plain.predict(columns).target.tolist() == told.predict(columns).target.tolist()
    without, lines = read_history(plain.folder), read_history(told.folder)
    assert [line.keys() - {"step", "training", "validation"} for line in lines] == [
        {"validation squared error", "validation median"}
    ] * len(without)
    assert [line["validation"] for line in lines] == [line["validation"] for line in without]
    # By hand, on the validation rows: in units of the target's width.
    x, target, _ = next(data.parts("validation"))
    _, fitted, _ = next(data.parts("training"))
    prediction = told.predict({"a": x[:, 0], "b": x[:, 1], "per": np.ones(len(x))}).target
    best = min(lines, key=lambda line: line["validation"])
    assert best["validation squared error"] == pytest.approx(
        np.mean((prediction - target) ** 2) / fitted.var(), rel=1e-3
    )


def test_a_metric_may_not_take_the_name_of_a_loss() -> None:
    spec = KindSpec(**MODELS["dense"], metrics={"loss": {"kind": "huber"}})
    with pytest.raises(RequestError, match="'loss' is the name of a loss already"):
        build("lineshape.engine.learning.models", Model, spec, ())


NETWORKS: dict[str, dict[str, Any]] = {
    "dense": {"kind": "dense"},
    "mixture": {"kind": "mixture_density"},
    "two": {"kind": "classifier"},
    "three": {"kind": "classifier", "classes": 3},
}


@pytest.mark.parametrize(
    ("network", "settings", "message"),
    [
        ("dense", {"loss": {"kind": "negative_log_likelihood"}}, "loss looks at log_weights, means, sigmas, and the"),
        ("mixture", {"loss": {"kind": "binary_cross_entropy"}}, "loss looks at logits, and the network has no such"),
        ("three", {"loss": {"kind": "binary_cross_entropy"}}, "is of 2 classes, and network classifier separates 3"),
        ("two", {"loss": {"kind": "categorical_cross_entropy", "number": 3}}, "is of 3 classes, and network classif"),
        ("two", {"loss": {"kind": "mean_squared_error"}}, "is of no classes, and network classifier separates 2"),
        (
            "dense",
            {"penalties": {"p": {"kind": "distance_correlation", "column": "b", "of": "nonsense"}}},
            "p looks at nonsense, and the network has no such output: network dense has target",
        ),
        (
            "dense",
            {"penalties": {"loss": {"kind": "distance_correlation", "column": "b"}}},
            "penalties, metrics: 'loss' is the name of a loss already",
        ),
        ("dense", {"metrics": {"nll": {"kind": "negative_log_likelihood"}}}, "nll looks at log_weights"),
        (
            "dense",
            {"kind": "adversarial", "column": "b", "adversary": {"kind": "dense"}},
            "expected log_weights, means",
        ),
        ("dense", {"kind": "adversarial", "column": "b", "of": "x"}, "adversary looks at x"),
    ],
)
def test_what_does_not_fit_together(network: str, settings: dict[str, Any], message: str) -> None:
    own = {"kind": "neural", "loss": {"kind": "mean_squared_error"}, "network": NETWORKS[network]}
    with pytest.raises(RequestError, match=message):
        build("lineshape.engine.learning.models", Model, KindSpec(**own | settings), ())


def test_trees_from_disk_are_those_from_memory(data: Dataset, tmp_path: Path) -> None:
    """In a folder whose name means something else in JSON and in a URL."""
    place, trees = tmp_path / "é ?a=b#%20", MODELS["trees"] | {"rounds": 10}
    memory, disk = (train(trees | {"memory": memory}, data, place / str(memory)) for memory in (1.0, 1e-6))
    assert list((place / "1e-06.scratch").rglob("cache*"))
    assert not list((place / "1.0.scratch").rglob("cache*"))
    assert (memory.folder / "trees.ubj").read_bytes() == (disk.folder / "trees.ubj").read_bytes()


def test_a_line_of_the_history_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text('{"step": 1, "validation": 2.0}\n{"step": 2, "valid', encoding="utf-8")
    assert read_history(tmp_path) == [{"step": 1, "validation": 2.0}]


def test_columns_of_lists_are_mirrored_along_with_a_feature() -> None:
    batch = Batch(
        torch.tensor([[1.0, 5.0]] * 200),
        torch.zeros(200),
        torch.ones(200),
        sequences={"tracks": Sequence(torch.full((200, 3, 2), 2.0), torch.ones(200, 3, dtype=torch.bool))},
    )
    Augmentation((0,), (("tracks", 1, 0),)).draw(batch, torch.Generator().manual_seed(1))
    values = batch.sequences["tracks"].values
    assert {1.0, -1.0} == set(batch.x[:, 0].tolist())
    assert torch.equal(values[:, :, 1], 2 * batch.x[:, :1].expand(-1, 3))
    assert (values[:, :, 0] == 2).all()
    assert (batch.x[:, 1] == 5).all()


def test_training_stops_early_and_keeps_the_best_epoch(tmp_path: Path, rng: np.random.Generator) -> None:
    """There is nothing to be learnt: the validation loss soon rises, and patience ends it."""
    make_store(
        tmp_path / "store", {"a": rng.normal(size=3000), "b": rng.normal(size=3000), "truth": rng.normal(size=3000)}
    )
    noise = dataset(tmp_path / "store", FEATURES)
    settings = MODELS["dense"] | {"epochs": 200, "patience": 4, "schedule": "constant"}
    bundle = train(settings, noise, tmp_path / "bundle")
    lines = read_history(bundle.folder)
    best = min(lines, key=lambda line: line["validation"])
    assert len(lines) == best["step"] + 4 < 200
    assert bundle.provenance["best_epoch"] == best["step"]
    x, target, _ = next(noise.parts("validation"))
    _, fitted, _ = next(noise.parts("training"))
    found = bundle.predict({"a": x[:, 0], "b": x[:, 1]}).target
    assert np.mean((found - target) ** 2) / fitted.var() == pytest.approx(best["validation"], rel=1e-3)


def test_gradients_are_clipped(data: Dataset, bundles: dict[str, Bundle], tmp_path: Path) -> None:
    """A norm far below what Adam takes for zero: nothing is learnt."""
    bundle = train(MODELS["dense"] | {"clip": 1e-14, "epochs": 4}, data, tmp_path / "bundle")
    free, held = read_history(bundles["dense"].folder), read_history(bundle.folder)
    assert free[-1]["validation"] < 0.5 * free[0]["validation"]
    assert held[-1]["validation"] == pytest.approx(held[0]["validation"], rel=1e-3)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", [1, 1, 1]), ("cosine", [1, 0.5005, 0.001]), ("one_cycle", [0.1, 0.692, 0.001])],
)
def test_schedules(schedule: str, shares: list[float]) -> None:
    model = build("lineshape.engine.learning.models", Model, KindSpec(**MODELS["dense"], schedule=schedule), ())
    assert isinstance(model, Neural)
    config = model.fit_config(FEATURES, 1)
    assert [config.schedule_at(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx(shares, abs=1e-3)
    if schedule == "one_cycle":
        assert config.schedule_at(0.2) == pytest.approx(1)


VECTOR = Target(truth=("x_true", "y_true"))


@pytest.fixture
def vectors(tmp_path: Path, rng: np.random.Generator) -> Dataset:
    """A vector that is a + b and a - b, with some noise; one row has no true y."""
    n = 12_000
    a, b = rng.normal(0, 1, (2, n))
    noise = rng.normal(0, 0.05, (2, n))
    y = a - b + noise[1]
    y[17] = np.nan
    make_store(tmp_path / "store", {"a": a, "b": b, "x_true": a + b + noise[0], "y_true": y, "both": a})
    return Dataset(tmp_path / "store", FEATURES, VECTOR, Split())


def test_rows_without_a_component_are_left_out(vectors: Dataset) -> None:
    both, one = (replace(vectors, target=Target(truth=truth)) for truth in (("x_true", "y_true"), "x_true"))
    splits: list[SplitName] = ["training", "validation", "test"]
    assert [sum(data.count(split) for split in splits) for data in (both, one)] == [11_999, 12_000]


@pytest.mark.parametrize("name", ["trees", "dense"])
def test_learns_a_vector(name: str, vectors: Dataset, tmp_path: Path) -> None:
    bundle = train(MODELS[name], vectors, tmp_path / "bundle")
    assert bundle.columns == ["a", "b"]
    a, b = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9))
    prediction = bundle.predict({"a": a.ravel(), "b": b.ravel()})
    expected = np.stack([a.ravel() + b.ravel(), a.ravel() - b.ravel()], axis=1)
    assert prediction.estimate.shape == (81, 2)
    assert np.abs(prediction.estimate - expected).mean() < 0.12


def test_objects_outside_have_no_vector(vectors: Dataset, tmp_path: Path) -> None:
    bundle = train(MODELS["trees"] | {"within": {"a": {"low": 0}}, "rounds": 5}, vectors, tmp_path / "bundle")
    found = bundle.predict({"a": np.array([-1.0, 1.0]), "b": np.zeros(2)}).estimate
    assert np.isnan(found).tolist() == [[True, True], [False, False]]


def test_a_column_may_be_a_vector(vectors: Dataset, tmp_path: Path) -> None:
    spec = {"kind": "column", "column": ["a", "b"], "sign": -1}
    data = Dataset(vectors.store, ("a", "b"), VECTOR, Split())
    found = train(spec, data, tmp_path / "bundle").predict({"a": np.array([1.0]), "b": np.array([2.0])})
    assert found.estimate.tolist() == [[-1.0, -2.0]]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (MODELS["mixture"], "network MixtureDensity gives one quantity, and the target has 2: x_true, y_true"),
        (MODELS["trees"] | {"objective": "logistic"}, "a BoostedTrees gives one quantity"),
        ({"kind": "column", "column": "a"}, "expected as many as the target has"),
    ],
)
def test_what_cannot_learn_a_vector_says_so(settings: dict[str, Any], said: str) -> None:
    model = build("lineshape.engine.learning.models", Model, KindSpec(**settings), ())
    with pytest.raises(RequestError, match=said):
        model.require_target(VECTOR)


def test_a_vector_is_not_divided() -> None:
    with pytest.raises(ValueError, match=r"a target of several columns \(x, y\) is not divided"):
        Target(truth=("x", "y"), per="z")


def test_the_average_of_few_steps_knows_nothing_of_the_first_weights(data: Dataset, tmp_path: Path) -> None:
    """With a decay of 0.9999 over some 450 steps it is their mean, and near the truth; at the start the loss is 1."""
    train(MODELS["dense"] | {"average": 0.9999}, data, tmp_path / "bundle")
    assert read_history(tmp_path / "bundle")[-1]["validation"] < 0.3
