"""Search for a model's settings by its validation loss, with optuna; the test split is never used."""

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    import optuna

#: Number of random trials before earlier trials guide the next ones.
_STARTING = 8
#: Function from models by name, and a seed, to their validation losses; models whose training failed are left out.
Train = Callable[[dict[str, KindSpec], int], dict[str, float]]
JOB_FILE = "job file"


class Space(Settings):
    """Range or choices of a setting: give `low` and `high`, or `choices`."""

    low: int | float | None = None
    """Smallest value of the setting; only integers are tried where `low` and `high` are both integers."""
    high: int | float | None = None
    """Largest value of the setting."""
    log: bool = False
    """Whether values are drawn on a logarithmic scale, for which `low` must be above zero."""
    choices: list[Any] = []
    """Values to choose from; empty where `low` and `high` are given."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if bool(self.choices) == (self.low is not None and self.high is not None):
            raise ValueError("expected 'low' and 'high', or 'choices'")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low ({self.low}) must lie below high ({self.high})")
        if self.log and not (self.low and self.low > 0):
            raise ValueError("log: a logarithm needs low > 0")
        return self

    def suggest(self, trial: "optuna.Trial", name: str) -> Any:
        """Return a value that optuna suggests; choices are suggested by index, so that they may be lists."""
        if self.choices:
            return self.choices[trial.suggest_categorical(name, list(range(len(self.choices))))]
        assert self.low is not None
        assert self.high is not None
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def encoded(self, value: Any) -> Any:
        """Return the value as optuna knows it, or None where it does not lie in the space."""
        if self.choices:
            return self.choices.index(value) if value in self.choices else None
        inside = isinstance(value, int | float) and self.low is not None and self.high is not None
        return value if inside and self.low <= value <= self.high else None


class Search(Settings):
    """Search for a model's settings by its validation loss, with optuna."""

    space: dict[str, Space] = Field(min_length=1)
    """Range or choices of each setting, by its dotted name (`network.dropout`)."""
    trials: Annotated[int, Field(gt=0)] = 30
    """Number of trials in all; the first has the job file's own settings, where they lie in the space."""
    parallel: Annotated[int, Field(gt=0)] = 2
    """Number of trials at a time; the search is the same on any number of workers."""
    repeats: Annotated[int, Field(ge=0)] = 2
    """Further trainings, with other seeds, of the best and the job file's settings, which show whether a gain is real.

    0: none.
    """


@dataclass(frozen=True)
class Trial:
    """Trial of settings, with its validation loss, None where the training failed."""

    number: int
    settings: dict[str, Any]
    loss: float | None


@dataclass(frozen=True)
class Found:
    """Result of a search.

    trials: all trials. repeats: validation losses of the best settings and of the job file's, with further seeds.
    begun_with_job_file: whether the first trial has the job file's own settings, as it has where they lie in the space.
    """

    trials: list[Trial]
    repeats: dict[str, list[float]]
    begun_with_job_file: bool

    @property
    def best(self) -> Trial:
        """Trial with the lowest loss; raises RequestError where all failed."""
        done = [trial for trial in self.trials if trial.loss is not None]
        if not done:
            raise RequestError("no trial of the search could be trained")
        return min(done, key=lambda trial: trial.loss or 0.0)


def try_settings(asked: Search, model: KindSpec, values: Mapping[str, Any], seed: int, train: Train) -> Found:
    """Try settings, round by round; trials that were trained before are found again, so that a stopped search resumes.

    values: values of the settings in the job file, by dotted name. seed: seed of the search and of the trainings.
    train: function that trains models with a seed.

    Raises RequestError where optuna is not installed, or all trials failed.
    """
    try:
        import optuna
    except ImportError as error:
        raise RequestError("a search needs optuna: pip install 'lineshape[search]'") from error

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTING, constant_liar=True)
    study = optuna.create_study(sampler=sampler)
    known = {name: space.encoded(values.get(name)) for name, space in asked.space.items()}
    study.enqueue_trial({name: value for name, value in known.items() if value is not None})
    trials: list[Trial] = []
    while len(trials) < asked.trials:
        number = min(asked.parallel, asked.trials - len(trials))
        drawn = [study.ask() for _ in range(number)]
        settings = [{name: space.suggest(trial, name) for name, space in asked.space.items()} for trial in drawn]
        named = {f"trial_{trial.number:03d}": with_settings(model, s) for trial, s in zip(drawn, settings, strict=True)}
        losses = train(named, seed)
        for trial, name, chosen in zip(drawn, named, settings, strict=True):
            loss = losses.get(name)
            study.tell(trial, loss, state=None if loss is not None else optuna.trial.TrialState.FAIL)
            trials.append(Trial(trial.number, chosen, loss))
    begun = all(value is not None for value in known.values())
    best = Found(trials, {}, begun).best
    return Found(trials, _repeated(asked, model, best, seed, train), begun)


def _repeated(asked: Search, model: KindSpec, best: Trial, seed: int, train: Train) -> dict[str, list[float]]:
    candidates = {"best": with_settings(model, best.settings), JOB_FILE: model}
    losses: dict[str, list[float]] = {name: [] for name in candidates}
    for repeat in range(1, asked.repeats + 1):
        named = {f"{name.replace(' ', '_')}_{repeat}": _reseeded(spec, repeat) for name, spec in candidates.items()}
        found = train(named, seed + repeat)
        for name, short in zip(candidates, named, strict=True):
            losses[name] += [found[short]] if short in found else []
    return losses


def _reseeded(model: KindSpec, repeat: int) -> KindSpec:
    """Return a model with another seed, where it has one of its own, which counts more than the job's."""
    own = model.settings.get("seed")
    return model if own is None else with_settings(model, {"seed": own + repeat})


def with_settings(model: KindSpec, settings: Mapping[str, Any]) -> KindSpec:
    """Return the model with some of its settings, by dotted name, replaced."""
    values = copy.deepcopy({"kind": model.kind, **model.settings})
    for name, value in settings.items():
        *parents, last = name.split(".")
        place: dict[str, Any] = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return KindSpec(**values)


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """Return the value at a dotted name, None where there is none."""
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
