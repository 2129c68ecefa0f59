"""Columns may be called anything: axes have names of their own, and what is kept of them can be read again."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from lineshape.engine.core.columns import Column
from lineshape.engine.core.histograms import add_part, load_control, save_control, save_part, save_root
from lineshape.engine.input.processor import control_histograms
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.kinds.decorrelation import Decorrelation
from lineshape.engine.measures.kinds.importance import Importance
from lineshape.engine.measures.kinds.response import Response
from lineshape.engine.measures.kinds.tagging import Tagging
from lineshape.engine.measures.kinds.vector import Vector
from lineshape.engine.measures.measure import Measure, Objects

#: Keywords of hist, names of axes, and names that no Python variable could have.
NAMES = ["weight", "sample", "threads", "self", "label", "name", "metadata", "group", "class", "passed", "score"]
NAMES += ["column", "response", "along", "x", "a b|bins", "jet/pt", "τ.η", "n_{jets}"]
ROWS = 50


def measures(name: str) -> list[Measure]:
    bins = Binning(low=0, high=1, bins=4)
    told: dict[str, Any] = {"truth": "label_of_it", "classes": ["b", "s"]}
    return [
        Response(truth="t", by={name: bins}),
        Decorrelation(**told, column=name, bins=bins),
        Tagging(**told, signal="s", points={"column": name, "edges": [0, 0.5, 1], "efficiency": 0.5}, by={name: bins}),
        Vector(truth="t", components=("t", "t"), by={name: bins}, over=name),
    ]


@pytest.mark.parametrize("kind", [Tagging, Importance])
def test_one_class_cannot_be_told_from_another(kind: type[Measure]) -> None:
    own = {"points": {"column": "t", "edges": [0, 1], "efficiency": 0.5}} if kind is Tagging else {"features": ["t"]}
    with pytest.raises(ValueError, match="classes: there is nothing to tell s from: expected two classes or more"):
        kind.model_validate({"truth": "label", "classes": ["s"], "signal": "s"} | own)


def test_the_name_of_all_objects_is_no_columns() -> None:
    with pytest.raises(ValueError, match="'inclusive' is the histogram of all objects: give the column another name"):
        Response(truth="t", by={"inclusive": Binning(low=0, high=1, bins=4)})


@pytest.mark.parametrize("name", NAMES)
def test_a_column_may_have_any_name(name: str, tmp_path: Path, rng: np.random.Generator) -> None:
    values = {column: rng.random(ROWS) for column in (name, "t")} | {"label_of_it": np.arange(ROWS) % 2}
    column_metadata = {column: Column("x", "GeV", 0, 1) for column in values}
    control = control_histograms({column: ak.Array(array) for column, array in values.items()}, column_metadata)
    digest = save_control(tmp_path, {"s": control})
    assert load_control(tmp_path, digest)["s"] == control
    for measure in measures(name):
        vector = isinstance(measure, Vector)
        estimate = rng.random((ROWS, 2) if vector else ROWS)
        objects = Objects(
            values,
            Prediction(estimate, estimate),
            np.arange(ROWS) % 8,
            calibration={"thresholds": [0.5, 0.5], "signal": [10, 10]},
        )
        filled = measure.empty(column_metadata)
        measure.fill(filled, objects)
        save_part(tmp_path / "part.npz", filled)
        again = measure.empty(column_metadata)
        add_part(tmp_path / "part.npz", again)
        assert again == filled
        save_root(tmp_path / "all.root", {f"s/m/{key}": each.project(0) for key, each in filled.items()})
        with uproot.open(tmp_path / "all.root") as file:
            assert {key.partition(";")[0] for key in file.keys(filter_classname="TH*")} == {
                f"s/m/{key}" for key in filled
            }
