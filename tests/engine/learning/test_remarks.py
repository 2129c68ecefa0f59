"""Remarks on models: of one that knows the truth, of one that learnt nothing, of one that got worse; of no other."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_selection import Choice
from lineshape.engine.core.split import Target
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.table import make_table
from lineshape.engine.learning.fit import remarks
from lineshape.engine.learning.launch.network_rank import take_part
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import REMARKS
from lineshape.engine.learning.roles.training_task import TrainingTask
from tests.engine.learning.stores import dataset, make_store, train

N = 6000
TREES: dict[str, Any] = {"kind": "boosted_trees", "objective": "logistic", "rounds": 20, "depth": 3}
NETWORK: dict[str, Any] = {
    "network": {"kind": "classifier", "layers": [16]},
    "loss": {"kind": "binary_cross_entropy"},
    "epochs": 5,
    "batch": 128,
    "rate": 0.01,
}


@pytest.fixture
def values(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The label follows from a; of b nothing follows."""
    a = rng.random(N)
    label = (rng.random(N) < 0.2 + 0.6 * a).astype(float)
    return {
        "a": a,
        "b": rng.random(N),
        "label": label,
        "truth": a + 0.1 * rng.standard_normal(N),
        "copy": 1 - 2 * label,
    }


def told(kind: str, data: Dataset, folder: Path, **changes: Any) -> list[str]:
    """What is remarked on trees, or on a network that is trained in this process."""
    if kind == "trees":
        return train(TREES | changes, data, folder).remarks
    work = TrainingTask("m", KindSpec(kind="neural", **NETWORK | changes), data, 1, folder, folder.with_name("scratch"))
    folder.mkdir()
    model = Neural.model_validate(NETWORK | changes)
    model.prepare(work)
    take_part(model, work, 0, 1, lambda *_: None)
    return list(json.loads((work.scratch / "facts.json").read_text(encoding="utf-8"))[REMARKS])


@pytest.mark.parametrize("kind", ["trees", "network"])
@pytest.mark.parametrize(
    ("features", "said"),
    [
        (("a", "b"), []),
        (
            ("a", "copy"),
            ["feature copy alone separates the classes without a mistake: is it the truth, or"],
        ),
        (("b",), ["it learnt nothing that shows: with the features of other rows its validation loss changes by "]),
    ],
    ids=["fine", "label", "nothing"],
)
def test_of_a_classifier(
    kind: str, features: tuple[str, ...], said: list[str], values: dict[str, np.ndarray], tmp_path: Path
) -> None:
    make_store(tmp_path / "store", values)
    found = told(kind, dataset(tmp_path / "store", features, "label"), tmp_path / "bundle")
    assert len(found) == len(said), found
    assert all(each.startswith(start) for each, start in zip(found, said, strict=True)), found


def test_features_that_are_mixed_up_on_purpose_are_not_remarked_on(
    values: dict[str, np.ndarray], tmp_path: Path
) -> None:
    make_store(tmp_path / "store", values)
    data = replace(dataset(tmp_path / "store", ("a",), "label"), choice=Choice(shuffled=["a"]))
    assert told("trees", data, tmp_path / "bundle") == []


def test_more_rows_in_a_batch_than_there_are(values: dict[str, np.ndarray], tmp_path: Path) -> None:
    make_store(tmp_path / "store", values)
    found = told("network", dataset(tmp_path / "store", ("a",), "label"), tmp_path / "bundle", batch=10_000, rate=0.5)
    assert [said for said in found if said.startswith("batch: 10,000 rows were asked for, and there are 3,")]


@pytest.mark.parametrize(("per", "copies"), [(None, "y"), ("x", "yz")])
def test_copies_of_the_truth(per: str | None, copies: str, rng: np.random.Generator) -> None:
    """Of the target, scaled and moved; and of the truth where a feature divides it. A good measurement is none."""
    x, target = rng.uniform(20, 200, 5000), rng.uniform(0.5, 1.5, 5000)
    columns = {"x": x, "y": 3 - 1000 * target, "z": 5 * target * x, "good": target + 1e-4 * rng.standard_normal(5000)}
    features = np.column_stack([*columns.values()]).astype(np.float32)
    features[::9, 1] = np.nan
    found = remarks.on_features(remarks.RowSample([*columns], features, target.astype(np.float32), None, per))
    assert [name for name in columns if f" {name} " in " ".join(found) or f" {name}:" in " ".join(found)] == [*copies]


@pytest.mark.parametrize(
    ("losses", "grows"),
    [
        (np.linspace(1, 0.5, 30), False),
        ([*np.linspace(1, 0.4, 20), *np.linspace(0.4, 0.5, 10)], False),
        ([0.5, *np.linspace(0.5, 2, 29)], True),
        ([0.5, 0.6, 0.7], False),
    ],
    ids=["falls", "turns", "grows", "few"],
)
def test_a_loss_that_grows(losses: Sequence[float], grows: bool) -> None:
    assert bool(remarks.on_history([{"validation": loss} for loss in losses], "epochs")) == grows


def test_false_alarms_are_as_seldom_as_said(rng: np.random.Generator) -> None:
    """Of 4,000: 0.4 % are 16, and 40 or more come by chance once in 10^6."""
    flat = [[{"validation": loss} for loss in rng.normal(1, 0.1, 30)] for _ in range(4000)]
    assert sum(bool(remarks.on_history(lines, "epochs")) for lines in flat) < 40
    nothing = [remarks.on_gain(rng.normal(0, 1, 100), rng.normal(0, 1, 100)) for _ in range(4000)]
    assert sum(not told for told in nothing) < 40
    known = [remarks.on_gain(rng.normal(0, 1, 2000), rng.normal(0.19, 1, 2000)) for _ in range(1000)]
    assert sum(bool(told) for told in known) < 12


def test_a_long_tail_hides_nothing(rng: np.random.Generator) -> None:
    """Losses of which few are the sum, in all rows a tenth larger with the features of others; and a rare signal."""
    own = rng.pareto(0.8, 5000)
    assert remarks.on_gain(own, rng.permutation(own)) != []
    assert remarks.on_gain(own, 1.1 * own * rng.uniform(0.8, 1.2, 5000)) == []
    rare = np.where(rng.random(5000) < 0.01, 5.0, 0.0) + rng.normal(0, 0.3, 5000)
    assert remarks.on_gain(np.zeros(5000), rare) == []
    assert remarks.on_gain([0.1] * 5, [0.1] * 5) == remarks.on_gain([np.inf] * 50, [np.inf] * 50) == []


def test_the_area_is_that_of_pairs(rng: np.random.Generator) -> None:
    score, signal = rng.integers(0, 20, 300).astype(float), rng.random(300) < 0.4
    pairs = score[signal][:, None] - score[~signal][None, :]
    assert remarks.area(score, signal) == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert np.isnan(remarks.area(score, np.ones(300, dtype=bool)))


def test_remarks_are_kept_with_the_bundle_and_shown(tmp_path: Path) -> None:
    """Also the one of bundles of an earlier version."""
    facts = {"remark": "went on", REMARKS: ["learnt nothing", "grew"]}
    spec = KindSpec(kind="column", column="a")
    bundle = Bundle(tmp_path / "m", "m", spec, ("a",), Target(truth="truth"), "digest", facts)
    bundle.folder.mkdir()
    bundle.save()
    assert Bundle.load(bundle.folder).remarks == ["went on", "learnt nothing", "grew"]


def test_some_rows_with_their_lists(rng: np.random.Generator, tmp_path: Path) -> None:
    a = np.arange(500.0)
    tracks = ak.unflatten(np.repeat(a, np.arange(500) % 4), np.arange(500) % 4)
    make_store(tmp_path / "store", {"a": a, "truth": a, "pt": tracks})
    asked = Columns(("a",), (), None, (("tracks", ("pt",)),))
    rows = make_table(dataset(tmp_path / "store", ("a",)), asked, tmp_path / "table").rows("training")
    places = remarks.chosen(len(rows), 1)
    assert sorted(places) == list(range(len(rows)))
    some = rows.at(places[:40])
    offsets, content = some.sequences["tracks"]
    assert np.array_equal(some.flat[:, 0], rows.flat[places[:40], 0])
    assert np.array_equal(np.diff(offsets), some.flat[:, 0] % 4)
    assert np.array_equal(content[:, 0], np.repeat(some.flat[:, 0], np.diff(offsets)))
