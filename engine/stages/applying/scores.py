"""Name the branches that hold predictions of bundles, and compute their values."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.prediction import Prediction

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """Bundles by the name that their branches start with.

    The estimate is NAME, or NAME_COMPONENT for each component of a vector; NAME_sigma is its width, in its unit, where
    the model gives one; NAME_probability_0, … are the probabilities of classes.
    """

    bundles: Mapping[str, Bundle]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that predictions need."""
        return list(dict.fromkeys(name for bundle in self.bundles.values() for name in bundle.columns))

    @cached_property
    def branches(self) -> list[str]:
        """Names of all branches; raises RequestError where two have the same."""
        found = [branch for branches in self._by_model.values() for branch in branches]
        if twice := sorted({branch for branch in found if found.count(branch) > 1}):
            raise RequestError(
                f"two models have a branch '{twice[0]}': choose other models, or rename one in the job file"
            )
        return found

    @cached_property
    def _by_model(self) -> dict[str, list[str]]:
        """Names of branches by model: of a prediction for one object, as only it tells which parts a model gives."""
        return {name: [*_named(name, bundle, _trial(bundle))] for name, bundle in self.bundles.items()}

    def values(self, table: Mapping[str, Any]) -> dict[str, Floats]:
        """Return the values of each branch, (rows,), from named columns; raises RequestError where one is missing."""
        if not len(table["event"]):  # of which not every library makes a prediction
            return {branch: np.zeros(0) for branch in self.branches}
        found: dict[str, Floats] = {}
        for name, bundle in self.bundles.items():
            found |= _named(name, bundle, bundle.predict(table))
        return found

    def metadata(self, outputs: Mapping[str, Column]) -> dict[str, dict[str, str]]:
        """Return model and unit of each branch. outputs: metadata of the processor's columns."""
        found = {}
        for name, bundle in self.bundles.items():
            units = {truth: outputs[truth].unit for truth in bundle.target.truths if truth in outputs}
            given = dict(zip(_components(name, bundle), bundle.gives, strict=True))
            given[f"{name}_sigma"] = bundle.gives[0]
            for branch in self._by_model[name]:
                found[branch] = {"model": bundle.label, "unit": units.get(given.get(branch, ""), "")}
        return found


def _components(name: str, bundle: Bundle) -> list[str]:
    """Return the branches of an estimate."""
    given = bundle.gives
    return [name] if len(given) == 1 else [f"{name}_{component}" for component in given]


def _named(name: str, bundle: Bundle, prediction: Prediction) -> dict[str, Floats]:
    """Return the parts of a prediction by branch."""
    estimate = prediction.estimate.reshape(len(prediction.estimate), -1)
    found = dict(zip(_components(name, bundle), estimate.T, strict=True))
    if prediction.spread is not None and estimate.shape[1] == 1:
        found[f"{name}_sigma"] = prediction.spread * np.abs(estimate[:, 0])
    if prediction.probabilities is not None:
        found |= {f"{name}_probability_{number}": each for number, each in enumerate(prediction.probabilities.T)}
    return found


def _trial(bundle: Bundle) -> Prediction:
    lists = {name: Jagged.counted(np.ones(1, dtype=np.int64), np.zeros(1)) for name in bundle.lists}
    return bundle.predict({name: np.zeros(1) for name in bundle.columns} | lists)
