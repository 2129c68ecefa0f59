"""Objects of three classes and a model that tells them apart, for the measures of classifiers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lineshape.engine.core.statistics import groups
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.measure import Objects

CLASSES = ["prompt", "tau", "fake"]
#: Settings of the kinds that are of classifiers.
TAGGING: dict[str, dict[str, Any]] = {
    "tagging": {
        "classes": CLASSES,
        "signal": "tau",
        "points": {"column": "eta", "edges": [-2, -1, 0, 1, 2]},
        "planes": {
            "plane": {"x": "eta", "y": "noise", "x_bins": {"edges": [-2, 0, 2]}, "y_bins": {"edges": [-2, 0, 2]}}
        },
    },
    "decorrelation": {"classes": CLASSES, "column": "eta", "bins": {"low": -2, "high": 2, "bins": 20}},
    "importance": {"classes": CLASSES, "signal": "tau", "features": ["x", "noise"], "repeats": 2},
    "score_distribution": {"classes": CLASSES},
}


def predict(columns: Mapping[str, Any]) -> Prediction:
    """A score from x and η: nothing but these two counts."""
    score = 1 / (1 + np.exp(-(columns["x"] + 0.5 * columns["eta"])))
    return Prediction(score, score, None, None)


def muons(rng: np.random.Generator, n: int = 40_000) -> Objects:
    """x is 1 higher for tau (1) than for prompt (0) and 0.5 than for fake (2)."""
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    columns = {
        "truth": truth.astype(np.float64),
        "x": rng.normal(np.array([0.0, 1.0, 0.5])[truth], 1.0),
        "noise": rng.normal(size=n),
        "eta": rng.uniform(-2, 2, n),
        "event": np.arange(n, dtype=np.uint64),
    }
    return Objects(columns, predict(columns), groups(columns["event"]), predict=predict)


def muons_at(whole: Objects, rows: np.ndarray) -> Objects:
    """Some of them."""
    columns = {name: values[rows] for name, values in whole.columns.items()}
    return replace(whole, columns=columns, prediction=predict(columns), group=whole.group[rows])
