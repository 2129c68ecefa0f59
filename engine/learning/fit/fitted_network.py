"""Define the settings of models that are networks, and what the training loop needs to know of them."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.kinds import KindSpec
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
from lineshape.engine.learning.roles.sampler import SAMPLERS, Sampler
from lineshape.engine.learning.roles.weight import WEIGHTS, Weight, built_weight, weight_column, weight_reads

if TYPE_CHECKING:
    from lineshape.engine.learning.fit.learner import Learner

#: Largest number of rows that a scaling is computed from; of more, evenly spaced ones.
_SCALED_BY = 1_000_000
_COMPILE: dict[str, dict[str, str]] = {
    "none": {},
    "default": {"mode": "default"},
    "graphs": {"mode": "reduce-overhead"},
}


class FittedNetwork(Model, ABC):
    """Base class of models that are networks: settings of their inputs and of how they are fitted."""

    scaling: dict[Literal["standard", "robust", "logarithm"], list[str] | Literal["all"]] = {"standard": "all"}
    """Features to scale, by kind of scaling; `all` stands for all of them.

    standard: by mean and standard deviation. logarithm: the same, of log(1 + value). robust: by median and half the
    width of the central 68 %, which a long tail does not affect. A feature that is not named is left as it is.
    """
    target_scaling: Literal["standard", "robust"] = "standard"
    """Scaling of the target: by mean and standard deviation, or robust, by quantiles; labels are not scaled."""
    mirrored: Names = []
    """Features whose sign carries no information (η in a symmetric detector).

    It is drawn anew each time a row is trained on.
    """
    rotated: list[tuple[str, str]] = []
    """Pairs of columns that are transverse vectors: features, components of the target, or columns of lists.

    All vectors of a row are rotated by the same angle, which is drawn anew each time the row is trained on.
    """
    sampler: Annotated[KindSpec, SAMPLERS] = KindSpec(kind="shuffled")
    """Sampler, which decides how often each row is drawn in an epoch; by default once."""
    weight: str | Annotated[KindSpec, WEIGHTS] | None = None
    """Weight of each row: a column, or a kind that computes it; null: all rows count the same.

    Weights may be negative, as those of generators are, where their sum is above zero.
    """
    phases: list[Phase] = []
    """Phases of the training: which networks learn, from which losses; empty: the default of the kind of model."""
    epochs: Annotated[int, Field(gt=0)] = 30
    """Largest number of epochs; ignored where `phases` are given, which have their own."""
    batch: Annotated[int, Field(gt=0)] = 1024
    """Rows per step, summed over all workers."""
    rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate (AdamW)."""
    schedule: Schedule = "one_cycle"
    """Course of the learning rate over a phase.

    one_cycle rises over the first fifth of the steps and falls as a cosine to a thousandth of the peak; cosine only
    falls; constant stays at the peak.
    """
    patience: Annotated[int, Field(gt=0)] = 10
    """Epochs without a better validation loss after which a phase stops, if it keeps its best weights."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of the gradient; larger gradients are scaled down to it."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Weight decay of AdamW; 0: none."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of a running average of the weights, which is then validated and saved; 0: no average."""
    workers: Annotated[int, Field(gt=0)] = 1
    """Number of Dask workers that train together."""
    memory: Annotated[float, Field(gt=0)] | None = None
    """Memory in GiB that the rows may take on each worker, or on its GPU; more are streamed from disk.

    null: on a CPU a quarter of the machine's memory, divided by the number of cores granted; on a GPU half of its free
    memory.
    """
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on; auto: a GPU where there is one, else the CPU."""
    precision: Precision = "float32"
    """Precision in which layers are computed; bfloat16 (automatic mixed precision) is for GPUs."""
    compile: Literal["none", "default", "graphs"] = "none"
    """Use of torch.compile, for GPUs: none, its default mode, or with CUDA graphs."""
    deterministic: bool = False
    """Whether to use deterministic algorithms, for the same result bit for bit on a GPU too; they may be slower."""
    own_process: bool | None = None
    """Whether to train in a process of its own beside the Dask worker's.

    null: where the training is more than small, or contains a user's own code. On a GPU, on several workers, or when it
    is compiled, a training always has a process of its own.
    """

    #: Name of the file of the weights in the bundle.
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
    def most_steps(self) -> int:
        """Most epochs, of all phases."""
        return sum(phase.epochs for phase in self.phases_of())

    @property
    def stops_early(self) -> bool:
        """Whether a phase may end before its last epoch."""
        return any(phase.keep == "best" and self.patience < phase.epochs for phase in self.phases_of())

    def shortened(self) -> dict[str, Any]:
        """Return settings of a training of a few epochs, of each phase."""
        if self.phases:
            return {"phases": [phase.model_dump(mode="json") | {"epochs": 1} for phase in self.phases]}
        return {"epochs": 3}

    @property
    def built_sampler(self) -> Sampler:
        """Sampler that is built from its settings."""
        return SAMPLERS.build(self.sampler, ("sampler",))

    @property
    @abstractmethod
    def predicting(self) -> Network:
        """Network that the bundle predicts with."""

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
        """Names of the metrics: what is evaluated on the validation split besides the losses."""
        return ()

    @property
    @abstractmethod
    def other_columns(self) -> tuple[str, ...]:
        """Columns besides the features that losses read."""

    @property
    @abstractmethod
    def classes(self) -> int | None:
        """Number of classes of the target, None where it is a quantity."""

    @abstractmethod
    def default_phases(self) -> list[Phase]:
        """Return the phases of a job file that has none."""

    @abstractmethod
    def build_learner(self, scalings: Scalings, rows: Rows) -> "Learner":
        """Return the networks with fresh weights, and their losses. rows: the training rows."""

    def phases_of(self) -> list[Phase]:
        """Return the phases of the training."""
        return self.phases or self.default_phases()

    def check(self, known: list[str]) -> None:
        """Raise RequestError where a feature is to be scaled or mirrored that no feature set of the job has."""
        named = {"scaling": [name for names in self.scaling.values() if names != "all" for name in names]}
        for setting, names in (named | {"mirrored": self.mirrored}).items():
            for name in names:
                if name not in known:
                    raise RequestError(f"{setting}: '{name}' is not a feature of this job{nearest(name, known)}")

    @property
    def learns_labels(self) -> bool:
        """Whether the target is the number of a class."""
        return self.classes is not None

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the target is a vector and the network cannot give one, or `rotated` misses it."""
        network = self.predicting
        if len(target.truths) > 1 and not network.vectors:
            raise RequestError(
                f"network {type(network).__name__} gives one quantity, and the target has {len(target.truths)}: "
                f"{', '.join(target.truths)}"
            )
        Augmentation.of(self.mirrored, self.rotated, network.encoders, [], target.truths)

    def lists(self) -> tuple[str, ...]:
        """Return the jagged columns that are inputs of the predicting network."""
        return tuple(dict.fromkeys(name for each in self.predicting.encoders.values() for name in each.columns))

    def names_columns(self) -> tuple[str, ...]:
        """Return the components of the vectors to rotate, whether or not the model has them."""
        return tuple(name for pair in self.rotated for name in pair)

    def trained_on(self) -> tuple[str, ...]:
        """Return the columns that only the training reads."""
        weight = weight_reads(self.weight)
        return tuple(dict.fromkeys([*self.other_columns, *self.built_sampler.columns, *weight]))

    def weighed_by(self) -> Weight | None:
        """Return the kind that computes the weight; None where the weight is a column, or there is none."""
        return built_weight(self.weight)

    def demands(self) -> Demands:
        """Return the number of workers, and a GPU unless the device is cpu."""
        return Demands(self.workers, gpu=self.device != "cpu")

    def columns(self, features: tuple[str, ...]) -> Columns:
        """Return the columns of the rows of the training."""
        others = tuple(dict.fromkeys([*self.other_columns, *self.built_sampler.columns]))
        sequences = tuple((name, tuple(each.columns)) for name, each in self.predicting.encoders.items())
        return Columns(features, others, weight_column(self.weight), sequences, self.classes)

    @property
    def longest(self) -> dict[str, int]:
        """Largest number of objects used of each kind of list."""
        return {name: each.most for name, each in self.predicting.encoders.items()}

    @property
    def memory_bytes(self) -> float:
        """Bytes that the rows may take on a worker: by default a quarter of the machine's, divided by its cores."""
        return self.memory * 2**30 if self.memory else default_memory()

    def fit_config(self, features: tuple[str, ...], seed: int, truths: tuple[str, ...] = ()) -> FitConfig:
        """Return the settings of the training loop. truths: names of the components of the target."""
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
        """Return networks with fresh weights, and scaling computed from the training rows."""
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
    """Return evenly spaced rows, at most as many as a scaling is computed from."""
    return np.array(values[:: max(1, math.ceil(len(values) / _SCALED_BY))])
