"""On a GPU models learn what they learn on a CPU, with every switch that is made for GPUs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lineshape.engine.clusters.kinds.local import Local, gpus_here
from lineshape.engine.core.split import Split, Target
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.roles.dataset import Dataset
from tests.engine.learning.stores import make_store, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

COMMON = {"epochs": 12, "batch": 256, "rate": 5e-3}
DENSE = {"kind": "dense", "layers": [32, 32], "batch_norm": "all"}
MODELS: dict[str, dict[str, Any]] = {
    "trees": {"kind": "boosted_trees", "rounds": 60, "depth": 4, "rate": 0.2},
    "dense": COMMON | {"kind": "neural", "network": DENSE, "loss": {"kind": "mean_squared_error"}},
    "mixture": COMMON
    | {
        "kind": "neural",
        "network": {"kind": "mixture_density", "layers": [32, 32]},
        "loss": {"kind": "negative_log_likelihood"},
        "penalties": {"b": {"kind": "distance_correlation", "column": "b", "strength": 1e-4}},
    },
}
SWITCHES = [{}, {"precision": "bfloat16"}, {"compile": "default"}, {"compile": "graphs"}, {"memory": 1e-4}]


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> Dataset:
    """Truth is 1 + a/2 − b/4, with 5 % noise."""
    n = 12_000
    a, b = rng.random(n), rng.random(n)
    truth = 1 + a / 2 - b / 4 + 0.05 * rng.standard_normal(n)
    make_store(tmp_path / "store", {"event": np.arange(n, dtype=np.uint64), "a": a, "b": b, "truth": truth})
    return Dataset(tmp_path / "store", ("a", "b"), Target(truth="truth"), Split())


def require_learnt(bundle: Bundle) -> None:
    a, b = np.meshgrid(np.linspace(0.1, 0.9, 9), np.linspace(0.1, 0.9, 9))
    found = bundle.predict({"a": a.ravel(), "b": b.ravel()}).target
    off = np.abs(found - (1 + a.ravel() / 2 - b.ravel() / 4))
    assert off.max() < 0.05
    assert off.mean() < 0.015


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
@pytest.mark.parametrize("name", ["dense", "mixture"])
def test_a_network_learns(name: str, switch: dict[str, Any], data: Dataset, tmp_path: Path) -> None:
    bundle = train(MODELS[name] | {"device": "cuda"} | switch, data, tmp_path / "bundle")
    assert bundle.provenance["device"] == "cuda"
    require_learnt(bundle)


def test_trees_learn(data: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    bundle = train(MODELS["trees"] | {"device": "cuda"}, data, tmp_path / "bundle")
    assert bundle.provenance["device"] == "cuda"
    require_learnt(bundle)


def test_the_same_as_on_a_cpu(data: Dataset, tmp_path: Path) -> None:
    """The rows of each batch are the same, so the first epoch's loss differs by rounding alone."""
    histories = {}
    for device in ("cpu", "cuda"):
        train(MODELS["dense"] | {"device": device, "epochs": 1}, data, tmp_path / device)
        histories[device] = read_history(tmp_path / device)[0]["validation"]
    assert histories["cuda"] == pytest.approx(histories["cpu"], rel=1e-2)


def test_a_local_cluster_declares_the_gpus_that_there_are() -> None:
    assert gpus_here() == torch.cuda.device_count()
    with Local(workers=2).open() as client:
        declared = [one["resources"].get("GPU", 0) for one in client.scheduler_info(n_workers=-1)["workers"].values()]
    assert sorted(declared) == [0, gpus_here()]
