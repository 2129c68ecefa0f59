"""The settings of models that are networks, and what the one loop that fits them needs to know of them."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.settings import Names
from lineshape.engine.core.split import Target
from lineshape.engine.learning.blocks.scaling import SCALINGS, Affine, Scaling, Scalings, chosen_scaling
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.table import Rows, TrainingTable
from lineshape.engine.learning.fit.augmentation import Augmentation
from lineshape.engine.learning.fit.fit_config import FitConfig, Precision, Schedule
from lineshape.engine.learning.fit.phases import Phase
from lineshape.engine.learning.fit.resources import default_memory
from lineshape.engine.learning.roles.model import Demands, Model
from lineshape.engine.learning.roles.network import Network
from lineshape.engine.learning.roles.sampler import Sampler
from lineshape.engine.learning.roles.weight import Weight, built_weight, weight_column, weight_reads

if TYPE_CHECKING:
    from lineshape.engine.learning.fit.learner import Learner

#: Rows that a scaling is found from; of more, evenly spaced ones.
_SCALED_BY = 1_000_000
_COMPILE: dict[str, dict[str, str]] = {
    "none": {},
    "default": {"mode": "default"},
    "graphs": {"mode": "reduce-overhead"},
}


class FittedNetwork(Model, ABC):
    """Settings of networks, of their losses, and of how these are fitted.

    scaling: which features are scaled how: by mean and standard deviation, as they are (standard) or of the logarithm
    (logarithm), or by median and half the central 68 % (robust), which a long tail cannot move; a feature that is not
    named is left as it is. target_scaling: how the target is. mirrored: features whose sign means nothing (η in a
    symmetric detector): it is drawn anew each time a row is trained on. rotated: pairs of columns, features, components
    of the target or of lists, that are transverse vectors: all are turned by an angle that is drawn likewise. sampler:
    how often each row is seen in an epoch. weight: the column of each row's weight, or a kind that finds it; weights
    may be negative, as a generator's are, where their sum is not. phases: what learns when, by default all at once.

    batch: rows a step, over all workers. rate: the highest learning rate, and schedule: how it changes. average: decay
    of the running average of the weights; 0 for none.

    workers: Dask workers that train together. memory: GiB that the rows may take on each; what is more is streamed.
    device: cpu, cuda, or what there is. precision, compile: bfloat16, torch.compile and CUDA graphs, for GPUs.
    deterministic: the same bits each time on a GPU too, where that costs time. own_process: whether the training has a
    process of its own beside the Dask worker's, as it always has on a GPU and where it is compiled; by default where it
    is more than small, or has code of one's own in it.
    """

    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}
    target_scaling: Literal["standard", "robust"] = "standard"
    mirrored: Names = []
    rotated: list[tuple[str, str]] = []
    sampler: KindSpec = KindSpec(kind="shuffled")
    weight: str | KindSpec | None = None
    phases: list[Phase] = []
    epochs: Annotated[int, Field(gt=0)] = 30
    batch: Annotated[int, Field(gt=0)] = 1024
    rate: Annotated[float, Field(gt=0)] = 1e-3
    schedule: Schedule = "one_cycle"
    patience: Annotated[int, Field(gt=0)] = 10
    clip: Annotated[float, Field(gt=0)] = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    workers: Annotated[int, Field(gt=0)] = 1
    memory: Annotated[float, Field(gt=0)] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "float32"
    compile: Literal["none", "default", "graphs"] = "none"
    deterministic: bool = False
    own_process: bool | None = None

    #: Name of the file in the bundle.
    weights: ClassVar[str] = "weights.pt"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _ = self.built_sampler, self.predicting, self.weighed_by()
        if self.own_process is False and (self.workers > 1 or self.device == "cuda" or self.compile != "none"):
            raise ValueError(
                "own_process: false is for one worker's training on a CPU that is not compiled: leave it out, or change"
                " workers, device or compile"
            )
        logarithms = self.scaling.get("logarithm", [])
        if both := [name for name in self.mirrored if logarithms == "all" or name in logarithms]:
            raise ValueError(f"mirrored: {', '.join(both)} is scaled by its logarithm, and so has no sign to be drawn")
        for name, each in self.predicting.encoders.items():
            if alone := [feature for feature in each.mirrored.values() if feature not in self.mirrored]:
                raise ValueError(f"sequences.{name}.mirrored: '{alone[0]}' is not a feature that is 'mirrored'")
        for phase in self.phases_of():
            for step in phase.steps:
                if unknown := [name for name in step.train if name not in self.network_names]:
                    raise ValueError(
                        f"phases: no network {', '.join(unknown)}: expected one of {', '.join(self.network_names)}"
                    )
            if unknown := [name for name in phase.names if name not in self.loss_names]:
                raise ValueError(f"phases: no loss {', '.join(unknown)}: expected one of {', '.join(self.loss_names)}")
        return self

    @property
    def built_sampler(self) -> Sampler:
        """The sampler's kind with its settings."""
        return build("lineshape.engine.learning.samplers", Sampler, self.sampler, ("sampler",))

    @property
    @abstractmethod
    def predicting(self) -> Network:
        """The network that the bundle predicts with."""

    @property
    @abstractmethod
    def network_names(self) -> tuple[str, ...]:
        """Names of the networks, for phases."""

    @property
    @abstractmethod
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses, for phases."""

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of what is told of the validation split beside the losses."""
        return ()

    @property
    @abstractmethod
    def other_columns(self) -> tuple[str, ...]:
        """Columns beside the features that losses look at."""

    @property
    @abstractmethod
    def classes(self) -> int | None:
        """How many classes the target numbers, None where it is a quantity."""

    @abstractmethod
    def default_phases(self) -> list[Phase]:
        """What is done where the job file has no phases."""

    @abstractmethod
    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """The networks with fresh weights, and their losses. rows: those of the training."""

    def phases_of(self) -> list[Phase]:
        """The phases of the training."""
        return self.phases or self.default_phases()

    def check(self, known: list[str]) -> None:
        """Raise RequestError where a feature is to be scaled that no feature set of the job has."""
        named = {"scaling": [name for names in self.scaling.values() if names != "all" for name in names]}
        for setting, names in (named | {"mirrored": self.mirrored}).items():
            for name in names:
                if name not in known:
                    raise RequestError(f"{setting}: '{name}' is not a feature of this job{nearest(name, known)}")

    @property
    def learns_labels(self) -> bool:
        """Whether the losses are of classes."""
        return self.classes is not None

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the network cannot give a vector."""
        network = self.predicting
        if len(target.truths) > 1 and not network.vectors:
            raise RequestError(
                f"network {type(network).__name__} gives one quantity, and the target has {len(target.truths)}: "
                f"{', '.join(target.truths)}"
            )
        Augmentation.of(self.mirrored, self.rotated, network.encoders, [], target.truths)

    def lists(self) -> tuple[str, ...]:
        """Columns with a list in each row that the predicting network sees."""
        return tuple(dict.fromkeys(name for each in self.predicting.encoders.values() for name in each.columns))

    def names_columns(self) -> tuple[str, ...]:
        """Vectors that are turned where the model has them."""
        return tuple(name for pair in self.rotated for name in pair)

    def trained_on(self) -> tuple[str, ...]:
        """Columns that only the training looks at."""
        weight = weight_reads(self.weight)
        return tuple(dict.fromkeys([*self.other_columns, *self.built_sampler.columns, *weight]))

    def weighed_by(self) -> Weight | None:
        """The weight's kind with its settings."""
        return built_weight(self.weight)

    def demands(self) -> Demands:
        """Workers, and a GPU where there is one."""
        return Demands(self.workers, gpu=self.device != "cpu")

    def columns(self, features: tuple[str, ...]) -> Columns:
        """What the rows of the training hold."""
        others = tuple(dict.fromkeys([*self.other_columns, *self.built_sampler.columns]))
        sequences = tuple((name, tuple(each.columns)) for name, each in self.predicting.encoders.items())
        return Columns(features, others, weight_column(self.weight), sequences, self.classes)

    @property
    def longest(self) -> dict[str, int]:
        """The longest list that is kept of each kind."""
        return {name: each.most for name, each in self.predicting.encoders.items()}

    @property
    def memory_bytes(self) -> float:
        """For the rows on a worker: by default a quarter of the machine's, shared among its workers."""
        return self.memory * 2**30 if self.memory else default_memory()

    def fit_config(self, features: tuple[str, ...], seed: int, truths: tuple[str, ...] = ()) -> FitConfig:
        """What the loop needs to know. truths: components of the target."""
        own = {"sampler", "augmentation", "seed", "compiled", "metrics"}
        shared = {name: getattr(self, name) for name in FitConfig.__dataclass_fields__ if name not in own}
        return FitConfig(
            self.built_sampler,
            **shared,
            seed=seed,
            augmentation=Augmentation.of(self.mirrored, self.rotated, self.predicting.encoders, features, truths),
            compiled=_COMPILE[self.compile],
            metrics=self.metric_names,
        )

    def learner(self, table: TrainingTable, features: tuple[str, ...]) -> "Learner":
        """Fresh networks, scaled by the training rows."""
        rows = table.rows("training")
        target = Affine.unit(1) if self.classes else SCALINGS[self.target_scaling](_some(rows.flat[:, -rows.targets :]))
        x = chosen_scaling(_some(rows.flat[:, : len(features)]), features, self.scaling)
        return self.build_learner(Scalings(x, target, self._scaled_lists(rows)), rows)

    def _scaled_lists(self, rows: Rows) -> dict[str, Scaling]:
        return {
            name: chosen_scaling(_some(rows.sequences[name][1]), each.columns, each.scaling)
            for name, each in self.predicting.encoders.items()
        }


def _some(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evenly spaced rows, at most so many as are needed to scale by."""
    return np.array(values[:: max(1, math.ceil(len(values) / _SCALED_BY))])
