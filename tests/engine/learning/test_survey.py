"""Rows that nothing can be learnt from are refused before anything learns from them: of trees as of networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.survey import NETWORKS, TREES, Look, require_learnable, together
from lineshape.engine.learning.data.table import make_table
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.roles.model import REMARKS
from tests.engine.learning.stores import dataset, make_store, train

N = 3000
TREE: dict[str, Any] = {"kind": "boosted_trees", "rounds": 2, "weight": "w"}


@pytest.fixture
def values(rng: np.random.Generator) -> dict[str, np.ndarray]:
    names = ("a", "b", "w", "truth")
    return {name: rng.random(N) for name in names} | {"label": rng.integers(0, 2, N).astype(float)}


def spoilt(values: dict[str, np.ndarray], spoil: dict[str, float], every: int) -> dict[str, np.ndarray]:
    for name, value in spoil.items():
        values[name][::every] = value
    return values


@pytest.mark.parametrize(
    ("spoil", "every", "objective", "message"),
    [
        ({"w": -1}, 5, "squared_error", r"column w holds \d+ negative weights among [\d,]+ training rows, and boosted"),
        ({"w": 0}, 1, "squared_error", "column w: the weights of the training rows add up to 0: expected a sum above"),
        ({"w": np.nan}, 5, "squared_error", r"boosted trees cannot take are NaN or infinite: w \(\d+\) of"),
        ({"a": np.inf}, 5, "squared_error", r"boosted trees cannot take are NaN or infinite: a \(\d+\) of"),
        ({"a": 1, "b": 2}, 1, "squared_error", r"the same in all [\d,]+ training rows: a \(1\), b \(2\); leave"),
        ({"a": np.nan, "b": 2}, 1, "squared_error", r"the same in all [\d,]+ training rows: a \(NaN\), b \(2\); leave"),
        ({"truth": 3}, 1, "squared_error", r"the target is the same in all [\d,]+ training rows.*: truth \(3\)"),
        ({"label": 2}, 5, "logistic", r"column label holds labels 2 in \d+ of [\d,]+ rows; expected 0 to 1"),
        ({"label": 0.5}, 5, "logistic", r"column label holds labels 0.5 in"),
        ({"label": 1}, 1, "logistic", r"column label: no training rows of class 0; there are [\d,]+ of 1"),
    ],
)
def test_trees_say_what_networks_say(
    spoil: dict[str, float],
    every: int,
    objective: str,
    message: str,
    values: dict[str, np.ndarray],
    tmp_path: Path,
) -> None:
    make_store(tmp_path / "store", spoilt(values, spoil, every), shards=2)
    data = dataset(tmp_path / "store", ("a", "b"), "label" if objective == "logistic" else "truth")
    with pytest.raises(RunError, match=message):
        train(TREE | {"objective": objective}, data, tmp_path / "bundle")


def test_a_loss_of_trees_that_overflows_is_said(values: dict[str, np.ndarray], tmp_path: Path) -> None:
    values["truth"][::7] = 1e38
    make_store(tmp_path / "store", values)
    with pytest.raises(
        RunError, match=r"the loss is not finite in round 1: .*'validation': (inf|nan).*look for outliers"
    ):
        train(TREE, dataset(tmp_path / "store", ("a", "b")), tmp_path / "bundle")


def test_a_name_that_xgboost_does_not_take_is_said_before(values: dict[str, np.ndarray]) -> None:
    with pytest.raises(RequestError, match=r"no name with \[, \] or <: call column 'x\[0\]' something else"):
        BoostedTrees().inputs(["a", "x[0]"])


def test_trees_take_what_is_missing_and_what_is_the_same(values: dict[str, np.ndarray], tmp_path: Path) -> None:
    """The one is what they are known for; from the other nothing is learnt, which is said."""
    values["a"][::3] = np.nan
    values["b"][:] = 7
    make_store(tmp_path / "store", values)
    bundle = train(TREE, dataset(tmp_path / "store", ("a", "b")), tmp_path / "bundle")
    assert bundle.remarks[0].endswith(" training rows: b (7); leave these out of the model's set")


def test_a_network_takes_negative_weights_but_not_many(values: dict[str, np.ndarray], tmp_path: Path) -> None:
    columns = Columns(("a", "b"), weight="w")
    make_store(tmp_path / "few", spoilt(values, {"w": -0.1}, 5))
    assert make_table(dataset(tmp_path / "few", ("a", "b")), columns, tmp_path / "table").about[REMARKS] == []
    make_store(tmp_path / "many", spoilt(values, {"w": -100}, 5))
    with pytest.raises(RunError, match=r"column w: the weights of the training rows add up to -"):
        make_table(dataset(tmp_path / "many", ("a", "b")), columns, tmp_path / "other")


def test_looks_at_parts_are_a_look_at_all(rng: np.random.Generator) -> None:
    columns = Columns(("a", "b"), weight="w", classes=2)
    rows = np.column_stack([rng.normal(size=(90, 2)), rng.integers(-2, 5, 90), rng.integers(0, 2, 90)]).astype(
        np.float32
    )
    rows[::7, 0], rows[5, 1] = np.nan, np.inf
    whole, parts = Look.of(rows, columns), [Look.of(part, columns) for part in np.split(rows, [0, 30, 31, 80])]
    assert together(parts) == whole
    assert Look.from_json(whole.to_json()) == whole
    for takes in (TREES, NETWORKS):
        with pytest.raises(RunError, match=r"NaN or infinite: .*b \(1\) of 90 rows"):
            require_learnable({"training": whole}, columns, ("t",), takes)


def test_a_class_that_weighs_nothing_is_remarked_on(rng: np.random.Generator) -> None:
    rows = np.column_stack([rng.random(50), np.arange(50) % 2, np.arange(50) % 2]).astype(np.float32)
    columns = Columns(("a",), weight="w", classes=2)
    said = require_learnable({"training": Look.of(rows, columns)}, columns, ("t",), NETWORKS)
    assert said == ["the weights (w) of class 0 of t do not add up to more than zero"]
