"""Kinds of a user's own whose results do not fit the rows are refused at the first batch, with both shapes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Target
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.launch.network_rank import take_part
from lineshape.engine.learning.models.neural import Neural
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.training_task import TrainingTask
from lineshape.engine.learning.roles.weight import built_weight
from tests.engine.learning.stores import dataset, make_store

STRANGE = "tests.engine.learning.strange"
SETTINGS: dict[str, Any] = {
    "network": {"kind": "dense", "layers": [4]},
    "loss": {"kind": "mean_squared_error"},
    "epochs": 1,
    "batch": 100,
}


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> Dataset:
    make_store(tmp_path / "store", {"a": rng.random(1000), "truth": rng.random(1000)})
    return dataset(tmp_path / "store", ("a",))


def fit(changes: dict[str, Any], data: Dataset, folder: Path) -> None:
    """The loop, in this process."""
    settings = SETTINGS | changes
    data = Dataset(
        data.store, data.features, data.target, data.split, data.choice, built_weight(settings.get("weight"))
    )
    work = TrainingTask("m", KindSpec(kind="neural", **settings), data, 1, folder / "bundle", folder / "scratch")
    model = Neural.model_validate(settings)
    model.prepare(work)
    take_part(model, work, 0, 1, lambda *_: None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"loss": {"kind": f"{STRANGE}:Paired"}},
            r"the loss \(tests\..*strange:Paired\) gives a tensor of shape \((\d+), \1\) for a batch of \1 rows: ex",
        ),
        (
            {"loss": {"kind": f"{STRANGE}:Paired"}},
            r"expected \((\d+),\), one value a row. It is given outputs target \(\1,\) and a target \(\1,\)",
        ),
        ({"loss": {"kind": f"{STRANGE}:Paired", "gives": "mean"}}, r"gives a tensor of shape \(\) for a batch of"),
        ({"loss": {"kind": f"{STRANGE}:Paired", "gives": "column"}}, r"gives a tensor of shape \((\d+), 1\)"),
        ({"loss": {"kind": f"{STRANGE}:Paired", "gives": "half"}}, "gives float 0.5, no tensor for a batch"),
        (
            {"metrics": {"pairs": {"kind": f"{STRANGE}:Paired"}}},
            r"metric 'pairs' \(tests\..*:Paired\) gives a tensor of shape \((\d+), \1\)",
        ),
        (
            {"penalties": {"each": {"kind": f"{STRANGE}:Each"}}},
            r"penalty 'each' \(tests\..*:Each\) gives a tensor of shape \(\d+,\): expected \(\), one number",
        ),
        (
            {"network": {"kind": f"{STRANGE}:Standing", "layers": [4]}},
            r"gives output 'target' of shape \((\d+), 1\) for a batch whose target has the shape \(\1,\): expected",
        ),
        ({"sampler": {"kind": f"{STRANGE}:Drawn", "gives": "fewer"}}, r"of shape \((\d+),\) for \d+ rows: expected"),
        ({"sampler": {"kind": f"{STRANGE}:Drawn", "gives": "negative"}}, "rows are to be seen less than never"),
        ({"sampler": {"kind": f"{STRANGE}:Drawn", "gives": "halves"}}, "type float64: expected whole ones"),
        ({"sampler": {"kind": f"{STRANGE}:Drawn", "gives": "list"}}, "sampler Drawn gives list for"),
        ({"weight": {"kind": f"{STRANGE}:Whole"}}, r"weight Whole gives an array of shape \(\) for \d+ rows: expected"),
    ],
)
def test_what_does_not_fit_the_rows_is_refused(
    changes: dict[str, Any], said: str, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=said):
        fit(changes, data, tmp_path)
    assert read_history(tmp_path / "bundle") == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("fewer", r"gives estimates of shape \(4,\) for 5 rows: expected \(5,\)"),
        ("columns", r"gives estimates of shape \(5, 1\) for 5 rows: expected \(5,\)"),
        ("probabilities", r"gives probabilities of shape \(5,\) for 5 rows: expected \(5, …\)"),
    ],
)
def test_a_model_says_one_thing_of_each_row(wrong: str, said: str, tmp_path: Path) -> None:
    spec = KindSpec(kind=f"{STRANGE}:Short", column="a", wrong=wrong)
    bundle = Bundle(tmp_path, "m", spec, ("a",), Target(truth="truth"), "digest", {})
    with pytest.raises(RunError, match=said):
        bundle.predict({"a": np.arange(5.0)})
