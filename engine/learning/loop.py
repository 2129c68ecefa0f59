"""The loop that trains every network. This module imports torch; import it where it is used."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lineshape.engine.errors import RunError

LossFunction = Callable[[dict[str, Tensor], Tensor], Tensor]
EpochDone = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted.

    rate: the highest learning rate; it rises over the first fifth of the steps and falls as a cosine to a thousandth.
    patience: epochs without a better validation loss after which the training stops. clip: the largest gradient norm.
    average: decay of the running average of the weights that is validated and kept; 0 keeps the weights themselves.
    mirrored: columns of x whose sign is drawn anew in each batch.
    """

    epochs: int
    batch: int
    rate: float
    patience: int
    clip: float
    weight_decay: float
    average: float
    mirrored: tuple[int, ...] = ()


@dataclass(frozen=True)
class Rows:
    """x (n, features) and target (n,), on the device."""

    x: Tensor
    target: Tensor

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in an order of rows; a last batch of less than half the size is joined to the one before."""
        n = len(self.target)
        order = torch.arange(n) if order is None else order
        count = max(1, round(n / size))
        for rows in order.tensor_split(count):
            yield self.x[rows], self.target[rows]


def fit(
    module: nn.Module, loss: LossFunction, training: Rows, validation: Rows, recipe: Recipe, seed: int, done: EpochDone
) -> dict[str, float]:
    """Fit a module in place; it ends with the weights of its best epoch.

    Returns the best epoch and its validation loss. Raises RunError where a loss is not finite.
    """
    shuffle = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(module.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    steps = recipe.epochs * max(1, round(len(training.target) / recipe.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step / steps))
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(recipe.average), use_buffers=True)
    best, best_epoch, best_weights = math.inf, 0, copy.deepcopy(module.state_dict())
    for epoch in range(1, recipe.epochs + 1):
        module.train()
        total = 0.0
        for x, target in training.batches(recipe.batch, torch.randperm(len(training.target), generator=shuffle)):
            value = loss(module(_mirror(x, recipe.mirrored, shuffle)), target)
            optimiser.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
            optimiser.step()
            schedule.step()
            average.update_parameters(module)
            total += value.item() * len(target)
        losses = {
            "training": total / len(training.target),
            "validation": evaluate(average.module, loss, validation),
        }
        if not all(math.isfinite(value) for value in losses.values()):
            raise RunError(
                f"the loss is not finite in epoch {epoch}: {losses}; lower 'rate' or 'clip', or look for outliers"
            )
        done(epoch, losses)
        if losses["validation"] < best:
            best, best_epoch, best_weights = losses["validation"], epoch, copy.deepcopy(average.module.state_dict())
        elif epoch - best_epoch >= recipe.patience:
            break
    module.load_state_dict(best_weights)
    return {"best_epoch": best_epoch, "validation_loss": best}


def _mirror(x: Tensor, columns: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """X with a random sign in each row of these columns; x itself is left as it is where it is a copy of rows."""
    for column in columns:
        signs = torch.randint(0, 2, (len(x),), generator=generator).to(x)
        x[:, column] *= 2 * signs - 1
    return x


def evaluate(module: nn.Module, loss: LossFunction, rows: Rows) -> float:
    """Mean loss over all rows."""
    module.eval()
    with torch.no_grad():
        sums = [loss(module(x), target).item() * len(target) for x, target in rows.batches(16_384)]
    return sum(sums) / len(rows.target)


def _rate(progress: float) -> float:
    """Share of the highest rate after a share of the steps."""
    if progress < 0.2:
        return 0.1 + 0.9 * progress / 0.2
    return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (progress - 0.2) / 0.8))
