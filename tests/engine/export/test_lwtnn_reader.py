"""The reader of lwtnn's JSON, held against what the library (2.14.1) printed of the same networks and inputs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError
from lineshape.engine.export.lwtnn_reader import evaluate

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "data" / "lwtnn_golden.json").read_text())[
    "cases"
]


def variables(case: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Inputs by name, in the order in which the network names them; null is a missing value."""
    inputs = case["net"]["inputs"]
    names = [each["name"] for group in inputs for each in group.get("variables", [group])]
    values = np.array(case["x"], dtype=np.float64)
    return dict(zip(names, values.T, strict=True))


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c["y"], list)], ids=lambda case: case["about"])
def test_gives_what_lwtnn_gave(case: dict[str, Any]) -> None:
    found = evaluate(case["net"], variables(case))
    together = np.concatenate([found[name] for name in sorted(found)], axis=1)
    assert together == pytest.approx(np.array(case["y"], dtype=np.float64), rel=1e-12, abs=1e-15, nan_ok=True)


def test_layers_that_do_not_fit_are_refused() -> None:
    (case,) = [case for case in CASES if "error" in case["y"]]
    with pytest.raises(RequestError, match="5 weights do not divide by 4 inputs"):
        evaluate(case["net"], variables(case))


def test_sums_over_lists_by_hand() -> None:
    """Two rows of two and no objects: a dense layer for each of them, and their sum."""
    layer = {"architecture": "dense", "activation": "rectified", "weights": [1.0, 2.0], "bias": [-1.0]}
    variable = {"offset": 0.0, "scale": 1.0}
    config = {
        "inputs": [{"name": "flat", "variables": [{"name": "a", **variable}]}],
        "input_sequences": [{"name": "tracks", "variables": [{"name": "p", **variable}, {"name": "q", **variable}]}],
        "nodes": [
            {"type": "input", "sources": [0], "size": 1},
            {"type": "input_sequence", "sources": [0], "size": 2},
            {"type": "time_distributed", "sources": [1], "layer_index": 0},
            {"type": "sum", "sources": [2]},
            {"type": "concatenate", "sources": [0, 3]},
        ],
        "layers": [layer],
        "outputs": {"out": {"labels": ["a", "s"], "node_index": 4}},
    }
    lists = {"p": [np.array([1.0, 2.0]), np.array([])], "q": [np.array([1.0, -1.0]), np.array([])]}
    found = evaluate(config, {"a": np.array([7.0, 8.0]), **lists})
    # 1 + 2 − 1 = 2, and 2 − 2 − 1 < 0
    assert found["out"].tolist() == [[7.0, 2.0], [8.0, 0.0]]
