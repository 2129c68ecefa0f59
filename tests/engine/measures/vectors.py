"""Recoils that are known: a response of 0.8, and a width across that grows with pile-up."""

from typing import Any

import numpy as np

from lineshape.engine.core.statistics import groups
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.measure import Objects

VECTOR: dict[str, dict[str, Any]] = {
    "vector": {
        "components": ["x", "noise"],
        "over": "truth",
        "by": {"truth": {"low": 0, "high": 100, "bins": 5}, "mu": {"low": 0, "high": 60, "bins": 3}},
    }
}
RESPONSE = 0.8


def recoils(rng: np.random.Generator, n: int = 40_000, response: float = RESPONSE, factor: float = 1.0) -> Objects:
    """Estimates with this response; their width is (5 + mu/10) × factor."""
    length, phi, mu = rng.uniform(1, 100, n), rng.uniform(-np.pi, np.pi, n), rng.uniform(0, 60, n)
    true = length * np.array([np.cos(phi), np.sin(phi)])
    estimate = response * true + factor * (5 + mu / 10) * rng.normal(size=(2, n))
    columns = {"truth": length, "x": true[0], "noise": true[1], "mu": mu}
    return Objects(columns, Prediction(estimate.T, estimate.T), groups(np.arange(n, dtype=np.uint64)))


def recoils_at(whole: Objects, rows: np.ndarray) -> Objects:
    p = whole.prediction
    columns = {name: values[rows] for name, values in whole.columns.items()}
    return Objects(columns, Prediction(p.estimate[rows], p.target[rows]), whole.group[rows], whole.split)
