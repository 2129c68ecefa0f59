"""Define the settings of the training loop."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from lineshape.engine.learning.fit.augmentation import Augmentation
from lineshape.engine.learning.roles.sampler import Sampler

Schedule = Literal["one_cycle", "cosine", "constant"]
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class FitConfig:
    """Settings of a fit.

    batch: rows per step, over all ranks. rate: peak learning rate. patience: epochs without a better validation loss
    after which a phase stops. clip: largest gradient norm. average: decay of the running average of the weights that is
    validated and saved; 0 saves the weights themselves. augmentation: random symmetries applied to each batch.
    compiled: arguments of torch.compile, empty where it is not used. metrics: losses that are only evaluated, on the
    validation split.
    """

    sampler: Sampler
    batch: int
    rate: float
    patience: int
    clip: float
    weight_decay: float
    average: float
    schedule: Schedule
    precision: Precision
    seed: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    compiled: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()

    def random(self, phase: int, epoch: int, rank: int) -> np.random.Generator:
        """Return the generator of all random numbers of an epoch, which can therefore be repeated anywhere."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, phase, epoch, rank]))

    def schedule_at(self, progress: float) -> float:
        """Return the learning rate as a fraction of its peak; progress: fraction of the steps done.

        one_cycle rises over the first fifth and falls as a cosine to a thousandth; cosine only falls.
        """
        if self.schedule == "constant":
            return 1.0
        warm = 0.2 if self.schedule == "one_cycle" else 0.0
        if progress < warm:
            return 0.1 + 0.9 * progress / warm
        return 0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm)))
