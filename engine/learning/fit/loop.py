"""Train networks: one loop for all of them. This module imports torch; import it where it is used."""

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from lineshape.engine.core.errors import RunError
from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.data.source import BatchSource, Epochs
from lineshape.engine.learning.fit.fit_config import FitConfig
from lineshape.engine.learning.fit.history import require_finite, standing
from lineshape.engine.learning.fit.learner import Learner
from lineshape.engine.learning.fit.phases import Phase, Step
from lineshape.engine.learning.fit.process_group import ProcessGroup
from lineshape.engine.learning.fit.shapes import require_losses

Several = tuple[Tensor, ...] | list[Tensor]
_ADVICE = "lower 'rate' or 'clip', or look for outliers"
#: Seconds between two progress reports within an epoch.
_TELL_EVERY = 0.5


@dataclass
class State:
    """State of a training after an epoch: all that is needed to resume, in types that torch loads with weights_only."""

    phase: int = 0
    epoch: int = 0
    best: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    optimisers: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    done: bool = False


@dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop.

    save: saves the state after an epoch. tell: reports progress, as epochs done, epochs in all, and a note.
    """

    save: Callable[[State], None]
    tell: Callable[[float, float, str], None]


def fit(
    learner: Learner,
    phases: Sequence[Phase],
    training: BatchSource,
    validation: BatchSource,
    config: FitConfig,
    group: ProcessGroup,
    state: State,
    hooks: Hooks,
) -> dict[str, object]:
    """Fit the networks in place, from a fresh or a saved state; they end with the weights of the epoch to keep.

    Returns the best epoch and its validation loss. Raises RunError where a loss is not finite, or the sampler draws no
    row.
    """
    epochs = training.sampled(config.sampler, config.batch // group.size)
    if state.weights:
        learner.load_state_dict(state.weights)
    total = sum(phase.epochs for phase in phases)
    while state.phase < len(phases):
        phase = phases[state.phase]
        before = sum(earlier.epochs for earlier in phases[: state.phase])
        average = _averaged(learner, config.average)
        steps: list[_Stepper] = []
        if state.average:
            average.load_state_dict(state.average)
        while state.epoch < phase.epochs and not state.done:
            random = config.random(state.phase, state.epoch, group.rank)
            drawn = epochs.prepare(random)
            if group.least(drawn) == 0:
                raise RunError("the sampler draws no row: ask for more, or for fewer workers")
            number = group.least(max(1, round(drawn * group.size / config.batch)))
            if not steps:
                steps = [_Stepper(learner, step, number, phase.epochs, config, group) for step in phase.steps]
                for stepper, saved in zip(steps, state.optimisers, strict=False):
                    stepper.load_state_dict(saved)
            tell = _Teller(hooks, before + state.epoch, number, total, _standing(state, config))
            losses = _one_epoch(learner, average, steps, epochs, number, random, config, group, tell)
            group.share(learner)
            group.share(average)
            judged = evaluate(_kept(average), {*phase.names, *config.metrics}, validation, group, config.batch)
            watched = sum(weight * judged[name] for name, weight in phase.watched.items())
            line = {"step": before + state.epoch + 1, **_line(losses, judged, phase, watched)}
            require_finite(line, f"in epoch {state.epoch + 1}", _ADVICE)
            state.epoch += 1
            state.history.append(line)
            if phase.keep == "last" or watched < state.best:
                state.best, state.best_epoch = watched, before + state.epoch
                state.best_weights = copy.deepcopy(_kept(average).state_dict())
            state.done = before + state.epoch - state.best_epoch >= config.patience
            state.weights, state.average = learner.state_dict(), average.state_dict()
            state.optimisers = [stepper.state_dict() for stepper in steps]
            hooks.save(state)
            hooks.tell(before + state.epoch, total, _standing(state, config))
        learner.load_state_dict(state.best_weights)
        if state.phase + 1 == len(phases):
            break
        state.phase, state.epoch, state.done = state.phase + 1, 0, False
        state.average, state.optimisers, state.best = {}, [], math.inf
        state.weights = learner.state_dict()
    return {"best_epoch": state.best_epoch, "validation_loss": state.best}


def _one_epoch(
    learner: Learner,
    average: nn.Module,
    steps: "Sequence[_Stepper]",
    epochs: Epochs,
    number: int,
    random: np.random.Generator,
    config: FitConfig,
    group: ProcessGroup,
    tell: "_Teller",
) -> dict[str, float]:
    """Train on all batches of an epoch, and return the mean of each loss."""
    learner.train()
    sums: dict[str, Tensor] = {}
    rows: dict[str, int] = {}
    signs = torch.Generator(group.device).manual_seed(int(random.integers(2**63)))
    torch.manual_seed(int(random.integers(2**63)))  # of dropout
    for place, batch in enumerate(epochs.batches(number, random)):
        config.augmentation.draw(batch, signs)
        for stepper in steps:
            if place % stepper.every:
                continue
            stepper.take_turn(learner, several=len(steps) > 1)
            for name, value in stepper(batch).items():
                if place == 0:
                    require_finite({name: float(value)}, "at the first batch", _ADVICE)
                sums[name] = sums.get(name, torch.zeros_like(value)) + value * len(batch)
                rows[name] = rows.get(name, 0) + len(batch)
        if average is not learner:
            average.update_parameters(learner)  # type: ignore[operator]
        tell(place)
    return _means(sums, rows, group)


class _Stepper:
    """Step of a phase, with its optimiser and its schedule."""

    def __init__(
        self,
        learner: Learner,
        step: Step,
        batches: int,
        epochs: int,
        config: FitConfig,
        group: ProcessGroup,
    ) -> None:
        self.every = step.every
        self._trained = [p for name in step.train for p in learner.networks[name].parameters()]
        self._config, self._group = config, group
        self.take_turn(learner, several=True)
        objective: nn.Module = _Objective(learner, step)
        if config.compiled:
            objective.compile(**config.compiled)
        self._objective = group.together(objective)
        self._optimiser = torch.optim.AdamW(
            self._trained,
            lr=step.rate or config.rate,
            weight_decay=config.weight_decay,
            fused=group.device.type == "cuda",
        )
        turns = -(-batches // step.every) * epochs
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda turn: config.schedule_at(turn / turns)
        )

    def take_turn(self, learner: Learner, several: bool) -> None:
        """Make only the parameters of this step's networks require gradients, where there are several steps."""
        if several:
            learner.requires_grad_(False)
            for parameter in self._trained:
                parameter.requires_grad_(True)

    def __call__(self, batch: Batch) -> dict[str, Tensor]:
        """Update the weights once, and return the losses before the update."""
        self._optimiser.zero_grad()
        with torch.autocast(self._group.device.type, torch.bfloat16, enabled=self._config.precision == "bfloat16"):
            total, losses = self._objective(batch)
        total.backward()
        nn.utils.clip_grad_norm_(self._trained, self._config.clip)
        self._optimiser.step()
        self._schedule.step()
        found: dict[str, Tensor] = losses
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return the state of optimiser and schedule."""
        return {"optimiser": self._optimiser.state_dict(), "turn": self._schedule.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state of optimiser and schedule."""
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.last_epoch = state["turn"]


class _Objective(nn.Module):
    """Module that returns the weighted sum of a step's losses, and each of them."""

    def __init__(self, learner: Learner, step: Step) -> None:
        super().__init__()
        self.learner, self._weights = learner, dict(step.losses)

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        losses = require_losses(self.learner.losses(batch, self._weights.keys()), self._weights, self.learner)
        total = torch.stack([weight * losses[name] for name, weight in self._weights.items()]).sum()
        return total, {name: losses[name].detach().float() for name in self._weights}


class _Teller:
    """Callback that reports the progress within an epoch every _TELL_EVERY seconds."""

    def __init__(self, hooks: Hooks, before: int, number: int, total: int, note: str) -> None:
        self._hooks, self._before, self._number, self._total = hooks, before, number, total
        self._note = note
        self._last = time.monotonic()

    def __call__(self, place: int) -> None:
        if time.monotonic() - self._last > _TELL_EVERY:
            self._last = time.monotonic()
            self._hooks.tell(self._before + (place + 1) / self._number, self._total, self._note)


def evaluate(
    learner: Learner, names: set[str], source: BatchSource, group: ProcessGroup, batch: int
) -> dict[str, float]:
    """Return the mean of each loss over all rows of all ranks; no random numbers are used.

    batch: rows of a training step. Batches here are as large, but within 1,024 to 4,096 rows, which bounds the cost of
    a penalty that is quadratic in the rows.
    """
    learner.eval()
    sums: dict[str, Tensor] = {}
    rows: dict[str, int] = {}
    with torch.no_grad():
        for part in source.in_order(min(max(batch, 1024), 4096)):
            for name, value in require_losses(learner.losses(part, names), names, learner).items():
                if name in names:
                    sums[name] = sums.get(name, torch.zeros_like(value)) + value * len(part)
                    rows[name] = rows.get(name, 0) + len(part)
    return _means(sums, rows, group)


def _means(sums: Mapping[str, Tensor], rows: Mapping[str, int], group: ProcessGroup) -> dict[str, float]:
    names = sorted(sums)
    values = torch.stack(
        [sums[name].double() for name in names] + [torch.tensor(rows[n]).to(sums[n]).double() for n in names]
    )
    summed, counted = group.total(values).chunk(2)
    return dict(zip(names, (summed / counted).tolist(), strict=True))


def _standing(state: State, config: FitConfig) -> str:
    said = standing([line["validation"] for line in state.history])
    metrics = [f"{name} {state.history[-1][f'validation {name}']:.4g}" for name in config.metrics if state.history]
    return ", ".join([said, *metrics])


def _line(losses: Mapping[str, float], judged: Mapping[str, float], phase: Phase, watched: float) -> dict[str, float]:
    """Return an epoch's line of the history: the sum that is watched, in training and validation, and its parts."""
    seen = sum(weight * losses.get(name, math.nan) for name, weight in phase.watched.items())
    parts = {
        f"{kind} {name}": value
        for kind, found in (("training", losses), ("validation", judged))
        for name, value in found.items()
        if phase.watched != {name: 1.0}  # it is the sum itself
    }
    return {"training": seen, "validation": watched, **parts}


def _averaged(learner: Learner, decay: float) -> nn.Module:
    """Return the running average of the weights, or the learner itself where there is none."""
    if not decay:
        return learner

    def towards(averaged: Several, now: Several, steps: Tensor | int) -> None:
        if not averaged[0].is_floating_point():
            torch._foreach_copy_(averaged, now)
            return
        # Over few steps this is the plain mean, so that the initial weights count no more than any others.
        share = (1 - decay) / (1 - decay ** (torch.as_tensor(steps) + 1).double())
        towards_now = torch._foreach_sub(now, averaged)
        torch._foreach_mul_(towards_now, share)
        torch._foreach_add_(averaged, towards_now)

    return AveragedModel(learner, multi_avg_fn=towards, use_buffers=True)


def _kept(average: nn.Module) -> Learner:
    """Return the networks that are validated and saved."""
    kept: Learner = average.module if isinstance(average, AveragedModel) else average  # type: ignore[assignment]
    return kept
