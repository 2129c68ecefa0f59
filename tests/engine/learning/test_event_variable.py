"""Event variables: what is found is the best one where that is known, and the classifier says how much it tells.

θ is a standard normal variable and two features are θ + noise of width S each. Their sum is sufficient for θ:
I = ½ ln(1 + 2/S²), and one of them tells ½ ln(1 + 1/S²).
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import spearmanr

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Split, Target
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from tests.engine.learning.stores import make_store, train

S = 0.7
BOTH, ONE = 0.5 * np.log(1 + 2 / S**2), 0.5 * np.log(1 + 1 / S**2)
QUICK: dict[str, Any] = {"kind": "event_variable", "epochs": 6, "batch": 512, "rate": 3e-3}
VARIABLE = QUICK | {"network": {"kind": "dense", "layers": [32, 32], "activation": "silu"}}
KNOWN = QUICK | {"network": {"kind": "identity"}}


def drawn(n: int, rng: np.random.Generator) -> dict[str, Any]:
    theta, other = rng.standard_normal((2, n))
    noise = S * rng.standard_normal((2, n))
    return {"theta": theta, "other": other, "a": theta + noise[0], "b": theta + noise[1]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "store"
    make_store(folder, drawn(30_000, np.random.default_rng(7)), shards=2)
    return folder


@pytest.fixture(scope="module")
def short(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A variable after one epoch; not to be changed."""
    return train(VARIABLE | {"epochs": 1}, data(store, "a", "b"), tmp_path_factory.mktemp("short") / "bundle")


def data(store: Path, *features: str, truth: Any = "theta") -> Dataset:
    return Dataset(store, features, Target(truth=truth), Split(test=0.05, validation=0.1))


def told(log_density_ratio: Any, variable: Any, theta: Any) -> float:
    """Mean logarithm of pairs of one event."""
    return float(log_density_ratio(variable, theta).mean())


def test_the_best_variable_is_found(store: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    bundle = train(VARIABLE, data(store, "a", "b"), tmp_path / "bundle")
    fresh = drawn(20_000, rng)
    variable = bundle.predict(fresh).estimate
    assert abs(spearmanr(variable, fresh["a"] + fresh["b"]).statistic) > 0.995
    assert bundle.log_density_ratio is not None
    found = bundle.log_density_ratio(variable, fresh["theta"])
    assert found.mean() == pytest.approx(BOTH, abs=0.05)
    # Over independent pairs the mean of what it says a density ratio is must be one.
    assert np.exp(bundle.log_density_ratio(variable, rng.permutation(fresh["theta"]))).mean() == pytest.approx(
        1, abs=0.1
    )


def test_a_known_variable_is_judged_as_it_is(store: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    bundle = train(KNOWN, data(store, "a"), tmp_path / "bundle")
    fresh = drawn(20_000, rng)
    variable = bundle.predict(fresh).estimate
    assert spearmanr(variable, fresh["a"]).statistic == pytest.approx(1)
    assert told(bundle.log_density_ratio, variable, fresh["theta"]) == pytest.approx(ONE, abs=0.04)


def test_several_known_variables(store: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    bundle = train(KNOWN, data(store, "a", "b"), tmp_path / "bundle")
    fresh = drawn(20_000, rng)
    variable = bundle.predict(fresh).estimate
    assert variable.shape == (20_000, 2)
    assert bundle.gives == ("a", "b")
    assert told(bundle.log_density_ratio, variable, fresh["theta"]) == pytest.approx(BOTH, abs=0.05)


def test_trees_see_that_pairs_differ(store: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    """Though each column alone has the same distribution in both kinds of pairs."""
    settings = {"kind": "paired_trees", "depth": 4, "rate": 0.2, "rounds": 200}
    bundle = train(settings, data(store, "a"), tmp_path / "bundle")
    fresh = drawn(20_000, rng)
    variable = bundle.predict(fresh).estimate
    assert variable == pytest.approx(fresh["a"])
    assert told(bundle.log_density_ratio, variable, fresh["theta"]) == pytest.approx(ONE, abs=0.06)


def test_parameters_may_be_several(store: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    """Of a second one nothing is told, and the information stays."""
    bundle = train(VARIABLE, data(store, "a", "b", truth=("theta", "other")), tmp_path / "bundle")
    fresh = drawn(20_000, rng)
    parameters = np.stack([fresh["theta"], fresh["other"]], axis=1)
    assert told(bundle.log_density_ratio, bundle.predict(fresh).estimate, parameters) == pytest.approx(BOTH, abs=0.06)


def test_parameters_are_not_needed_to_predict(short: Bundle) -> None:
    """V runs on data, whose masses nobody knows."""
    assert short.columns == ["a", "b"]
    assert short.predict({"a": np.zeros(3), "b": np.zeros(3)}).estimate.shape == (3,)


def test_a_damaged_classifier_is_named(short: Bundle, tmp_path: Path) -> None:
    bundle = Bundle.load(shutil.copytree(short.folder, tmp_path / "bundle"))
    (bundle.folder / "classifier.pt").write_bytes(b"no weights")
    with pytest.raises(RunError, match=r"classifier\.pt is damaged"):
        _ = bundle.log_density_ratio


def test_same_seed_same_bits(store: Path, short: Bundle, tmp_path: Path, rng: np.random.Generator) -> None:
    columns = {name: values for name, values in drawn(100, rng).items() if name in "ab"}
    again = train(VARIABLE | {"epochs": 1}, data(store, "a", "b"), tmp_path / "bundle")
    first, second = (bundle.predict(columns) for bundle in (short, again))
    assert first.estimate.tolist() == second.estimate.tolist()


def test_models_of_quantities_judge_nothing(store: Path, tmp_path: Path) -> None:
    settings = {"kind": "boosted_trees", "rounds": 2}
    assert train(settings, data(store, "a"), tmp_path / "bundle").log_density_ratio is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": {"kind": "mixture_density"}}, "expected a network that gives a number, such as dense"),
        ({"classifier": {"kind": "identity"}}, "classifier: it has to learn"),
        ({"classifier": {"kind": "classifier"}}, "classifier: expected a network that gives a number"),
        (
            {"phases": [{"epochs": 1, "steps": [{"train": ["adversary"], "losses": {"loss": 1}}]}]},
            "no network adversary",
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValidationError, RequestError)) as caught:
        build("lineshape.engine.learning.models", Model, KindSpec(**QUICK | change), ())
    assert message in str(getattr(caught.value, "error", caught.value))
