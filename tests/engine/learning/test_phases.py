"""Several networks in one training: an adversary, a generator and its critic; phases as data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.roles.model import Model
from tests.engine.learning.stores import dataset, make_store, train

PROCESSES = 3

SETTINGS: dict[str, Any] = {
    "network": {"kind": "classifier", "layers": [32]},
    "loss": {"kind": "binary_cross_entropy"},
    "epochs": 12,
    "batch": 256,
    "rate": 3e-3,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signal and background differ in a, and in b which follows pt; pt itself is larger for signal."""
    rng, folder = np.random.default_rng(20260101), tmp_path_factory.mktemp("data") / "store"
    n = 12_000
    signal = rng.integers(0, 2, n)
    pt = rng.normal(signal, 1)
    make_store(
        folder,
        {"a": rng.normal(signal, 1), "b": pt + 0.1 * rng.normal(size=n), "pt": pt, "truth": signal},
    )
    return folder


def score_against_pt(settings: dict[str, Any], store: Path, folder: Path) -> float:
    """How much the score of background rises with b, which is all that it can know of pt."""
    bundle = train(settings, dataset(store, ("a", "b")), folder)
    b = np.linspace(-1.5, 1.5, 50)
    score = bundle.predict({"a": np.zeros(50), "b": b}).target
    return float(score[-1] - score[0])


def test_an_adversary_takes_a_column_from_the_score(store: Path, tmp_path: Path) -> None:
    plain = score_against_pt({"kind": "neural", **SETTINGS}, store, tmp_path / "plain")
    settings = {
        "kind": "adversarial",
        **SETTINGS,
        "column": "pt",
        "strength": 5.0,
        "epochs": 24,
        "schedule": "constant",
    }
    fair = score_against_pt(settings, store, tmp_path / "fair")
    assert plain > 0.4
    assert abs(fair) < plain / 2
    lines = read_history(tmp_path / "fair")
    assert len(lines) == 24
    assert {"validation adversary", "validation loss"} <= lines[-1].keys()


def test_distance_correlation_takes_a_column_from_the_score(store: Path, tmp_path: Path) -> None:
    penalty = {"dcorr": {"kind": "distance_correlation", "column": "pt", "strength": 5.0}}
    fair = score_against_pt({"kind": "neural", **SETTINGS, "penalties": penalty}, store, tmp_path / "fair")
    assert abs(fair) < 0.2
    assert {"validation dcorr", "training dcorr"} <= read_history(tmp_path / "fair")[-1].keys()


@pytest.mark.processes
def test_a_generator_and_its_critic(tmp_path: Path, rng: np.random.Generator) -> None:
    """A kind of the user's own: the generator learns where the target is, given a."""
    n = 8000
    a = rng.integers(0, 2, n).astype(float)
    make_store(tmp_path / "store", {"a": a, "b": rng.random(n), "truth": rng.normal(2 * a, 0.5)})
    settings = {
        "kind": "tests.engine.learning.generators:Generator",
        "epochs": 15,
        "batch": 100,
        "average": 0.998,  # the two go round each other; their mean does not
        "rate": 2e-3,
        "schedule": "constant",
        "phases": [
            {"epochs": 2, "steps": [{"train": ["critic"], "losses": {"critic": 1}}], "keep": "last"},
            {
                "epochs": 25,
                "keep": "last",
                "steps": [
                    {"train": ["critic"], "losses": {"critic": 1}, "rate": 2e-3},
                    {"train": ["generator"], "losses": {"generator": 1}, "every": 2},
                ],
            },
        ],
    }
    bundle = train(settings, dataset(tmp_path / "store", ("a", "b")), tmp_path / "bundle")
    drawn = [bundle.predict({"a": np.full(3000, value), "b": rng.random(3000)}).target for value in (0.0, 1.0)]
    assert [values.mean() for values in drawn] == pytest.approx([0, 2], abs=0.4)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"train": ["critic"], "losses": {"loss": 1}}, "phases: no network critic: expected one of network, adversary"),
        ({"train": ["network"], "losses": {"los": 1}}, "phases: no loss los: expected one of loss, adversary"),
    ],
)
def test_phases_name_what_there_is(step: dict[str, Any], message: str) -> None:
    settings = {"kind": "adversarial", **SETTINGS, "column": "pt", "phases": [{"epochs": 1, "steps": [step]}]}
    with pytest.raises(RequestError, match=message):
        build("lineshape.engine.learning.models", Model, KindSpec(**settings), ())
