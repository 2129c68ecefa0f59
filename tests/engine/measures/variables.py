"""A variable and a parameter that are normal with a known correlation, judged by what is true of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from lineshape.engine.core.statistics import groups
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.measures.measure import Objects

Floats = NDArray[np.float64]
RHO = 0.8
#: Settings of the measures that look at pairs or at ranks; information looks at the objects of a shard together.
VARIABLES: dict[str, dict[str, Any]] = {
    "information": {"parameters": ["truth"]},
    "agreement": {"known": "x", "at": [{"truth": 1.0}]},
}


def exact(variable: Floats, parameters: Floats) -> Floats:
    """Ln p(v, θ) / (p(v) p(θ))."""
    theta = parameters.reshape(len(parameters))
    return np.asarray(norm.logpdf(variable, RHO * theta, np.sqrt(1 - RHO**2)) - norm.logpdf(variable))


def pairs(rng: np.random.Generator, n: int = 40_000) -> Objects:
    """The known variable x falls as the variable grows."""
    theta, noise, more = rng.standard_normal((3, n))
    variable = RHO * theta + np.sqrt(1 - RHO**2) * noise
    columns = {"truth": theta, "x": -np.sinh(variable) + 0.01 * more}
    group = groups(np.arange(n, dtype=np.uint64))
    return Objects(columns, Prediction(variable, variable), group, log_density_ratio=exact)


def pairs_at(whole: Objects, rows: np.ndarray) -> Objects:
    p = whole.prediction
    columns = {name: values[rows] for name, values in whole.columns.items()}
    return Objects(
        columns,
        Prediction(p.estimate[rows], p.target[rows]),
        whole.group[rows],
        log_density_ratio=whole.log_density_ratio,
    )
