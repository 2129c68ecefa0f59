"""A search for settings on a loss that is known, without a training."""

from typing import Any

import pytest
from pydantic import ValidationError

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.learning.search import Search, Space, try_settings, value_at, with_settings

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'lineshape[search]'")

MODEL = KindSpec(kind="neural", rate=0.05, network={"kind": "dense", "layers": [8], "dropout": 0.3})
SPACE: dict[str, Any] = {
    "rate": {"low": 0.001, "high": 0.1, "log": True},
    "network.dropout": {"low": 0.0, "high": 0.5},
    "network.layers": {"choices": [[8], [16, 16]]},
    "depth": {"low": 2, "high": 9},
}
CURRENT = {"rate": 0.05, "network.dropout": 0.3, "network.layers": [8], "depth": 12}


def loss(spec: KindSpec, seed: int) -> float:
    """Least, 1, at a rate of 0.01, no dropout, two layers and a depth of 5."""
    settings = spec.settings
    network = settings["network"]
    wrong = len(network["layers"]) == 1
    return float(
        1
        + (settings["rate"] - 0.01) ** 2 * 100
        + network["dropout"]
        + wrong
        + abs(settings.get("depth", 5) - 5) / 10
        + seed / 1e6
    )


def train(models: dict[str, KindSpec], seed: int) -> dict[str, float]:
    return {name: loss(spec, seed) for name, spec in models.items()}


def test_finds_better_settings_than_the_job_file() -> None:
    found = try_settings(Search(space=SPACE, trials=40), MODEL, CURRENT, 3, train)
    assert len(found.trials) == 40
    # The first has what the job file says, where it lies in the space.
    assert {name: found.trials[0].settings[name] for name in CURRENT if name != "depth"} == {
        name: value for name, value in CURRENT.items() if name != "depth"
    }
    assert found.best.loss == min(trial.loss for trial in found.trials if trial.loss is not None)
    assert found.best.loss < 1.2 < loss(MODEL, 3)
    assert found.best.settings["network.layers"] == [16, 16]
    assert all(isinstance(trial.settings["depth"], int) for trial in found.trials)
    assert found.repeats["best"] == pytest.approx([found.best.loss + r / 1e6 for r in (1, 2)])
    assert found.repeats["job file"] == pytest.approx([loss(MODEL, 3 + r) for r in (1, 2)])


def test_repeats_of_a_model_with_a_seed_of_its_own_have_others() -> None:
    """Its own seed counts more than the job's."""
    seeds: dict[str, int] = {}

    def note(models: dict[str, KindSpec], seed: int) -> dict[str, float]:
        seeds.update({name: spec.settings["seed"] for name, spec in models.items()})
        return train(models, seed)

    try_settings(Search(space=SPACE, trials=2), with_settings(MODEL, {"seed": 7}), CURRENT, 3, note)
    assert {seeds[name] for name in seeds if name.startswith("trial")} == {7}
    assert [seeds[f"{name}_{repeat}"] for name in ("best", "job_file") for repeat in (1, 2)] == [8, 9, 8, 9]


def test_the_same_trials_each_time_so_that_a_stopped_search_goes_on() -> None:
    asked = Search(space=SPACE, trials=20, parallel=4)
    first, second = (try_settings(asked, MODEL, CURRENT, 3, train) for _ in range(2))
    assert first == second
    assert first.trials != try_settings(asked, MODEL, CURRENT, 4, train).trials


def test_a_trial_that_fails_is_no_end() -> None:
    def some(models: dict[str, KindSpec], seed: int) -> dict[str, float]:
        return {name: value for name, value in train(models, seed).items() if models[name].settings["rate"] < 0.03}

    found = try_settings(Search(space=SPACE, trials=20), MODEL, CURRENT, 3, some)
    assert found.trials[0].loss is None
    assert found.best.settings["rate"] < 0.03
    with pytest.raises(RequestError, match="no trial of the search could be trained"):
        try_settings(Search(space=SPACE, trials=4), MODEL, CURRENT, 3, lambda *_: {})


def test_settings_by_dotted_name() -> None:
    changed = with_settings(MODEL, {"rate": 1.0, "network.dropout": 0.0, "scaling.all": "standard"})
    assert changed.settings["network"] == {"kind": "dense", "layers": [8], "dropout": 0.0}
    assert changed.settings["scaling"] == {"all": "standard"}
    assert MODEL.settings["network"]["dropout"] == 0.3
    assert value_at(MODEL.settings, "network.dropout") == 0.3
    assert value_at(MODEL.settings, "network.dropout.rate") is None


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "expected 'low' and 'high', or 'choices'"),
        ({"low": 1, "high": 2, "choices": [1]}, "expected 'low' and 'high', or 'choices'"),
        ({"low": 2, "high": 1}, r"low \(2\) must lie below high \(1\)"),
        ({"low": 0, "high": 1, "log": True}, "a logarithm needs low > 0"),
    ],
)
def test_a_space_that_is_none(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Space.model_validate(space)
