"""Estimate float32's own error in a bundle's predictions: two programs may differ by that, and both be right."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from lineshape.engine.export.format import Values
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.models.network_model import NetworkModel
from lineshape.engine.learning.prediction import Prediction

#: Number of trials, as float32 may by chance be exact in one.
TRIALS: Final = 16


def rounding_of(bundle: Bundle, columns: Mapping[str, Any], outputs: Callable[[Prediction], Values]) -> Values:
    """Return for each output the largest difference from float64 in TRIALS trials, each with newly rounded weights.

    The first trial is the bundle as it is. The others stand for a runtime that rounds weights once more, as where it
    folds a batch norm into a layer. For models other than networks there is one trial.
    """
    exact = outputs(bundle.predict_exactly(columns))
    found = {name: np.zeros(values.shape) for name, values in exact.items()}
    for seed in range(TRIALS if isinstance(bundle.built, NetworkModel) else 1):
        with _rounded_anew(bundle, seed) as other:
            for name, values in outputs(other.predict(columns)).items():
                off = np.abs(values - exact[name])
                found[name] = np.maximum(found[name], np.where(np.isfinite(off), off, 0.0))
    return found


@contextmanager
def _rounded_anew(bundle: Bundle, seed: int) -> Iterator[Bundle]:
    """Yield the bundle with a network's weights moved by up to one unit of their last digit; with seed 0 as it is."""
    import torch

    model = bundle.built
    if not seed or not isinstance(model, NetworkModel):
        yield bundle
        return
    random = torch.Generator().manual_seed(seed)
    with TemporaryDirectory() as name:
        folder = Path(name) / bundle.folder.name
        shutil.copytree(bundle.folder, folder)
        state = torch.load(folder / model.weights, weights_only=True)
        for weights in state.values():
            if weights.is_floating_point():
                step = torch.randint(-1, 2, weights.shape, generator=random)
                weights.mul_(1 + step * torch.finfo(weights.dtype).eps)
        torch.save(state, folder / model.weights)
        yield replace(bundle, folder=folder)
