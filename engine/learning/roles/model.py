"""Define the base class of models, which are trained to bundles that predict from named columns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.role import Role
from lineshape.engine.core.row_selection import Choice, Condition, Part
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.split import Target
from lineshape.engine.learning.roles.weight import Weight

if TYPE_CHECKING:
    from lineshape.engine.learning.roles.training_task import TrainingTask

Floats = NDArray[np.float64]
#: Progress callback, called with the steps done, the steps in all and a note on the state of the training.
Report = Callable[[float, float, str], None]
#: Key in a training's facts of its remarks: sentences that warn the reader.
REMARKS: Final = "remarks"


@dataclass(frozen=True)
class Mixture:
    """Gaussian mixture for each row, in the target's own units; each array is (n, components)."""

    weights: Floats
    means: Floats
    sigmas: Floats

    @property
    def mean(self) -> Floats:
        """Mean of each row's mixture, (n,), by the law of total expectation."""
        return np.asarray((self.weights * self.means).sum(axis=1))

    @property
    def sigma(self) -> Floats:
        """Standard deviation of each row's mixture, (n,), by the law of total variance: Σ π (σ² + μ²) − mean²."""
        second = (self.weights * (self.sigmas**2 + self.means**2)).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(second - self.mean**2, 1e-12)))


@dataclass(frozen=True)
class Output:
    """Output of a model for n rows.

    target: estimate of the target, (n,), or (n, components) for a vector. mixture: the mixture that the estimate was
    read from, if any. probabilities: (n, classes), for a classifier.
    """

    target: Floats
    mixture: Mixture | None = None
    probabilities: Floats | None = None


@dataclass(frozen=True)
class Demands:
    """Resources that a training requests of the cluster.

    workers: number of workers that train together. gpu: whether to use GPUs, where workers declare any.
    """

    workers: int = 1
    gpu: bool = False


class Model(Settings, ABC):
    """Base class of models."""

    label: str = ""
    """Name in plots and tables; empty: the model's name in the job file."""
    features: str | Names = []
    """Input columns: the name of a feature set, or a list of columns."""
    without: Names = []
    """Columns of the feature set that are left out."""
    truth: str | None = None
    """Column of the quantity or label to learn; null: that of the job's target."""
    per: str | None = None
    """Column that the true quantity is divided by to form the target; null: none. By default, the job's."""
    learns_from: list[Part] = []
    """Parts of the samples to train on; empty: all rows."""
    within: dict[str, Condition] = {}
    """Conditions that the model's objects meet, by column; it is neither trained nor measured on other objects."""
    shuffled: Names = []
    """Features that are permuted among the rows of each shard, within a split; within a sample they predict nothing."""
    seed: int | None = None
    """Seed of the training's random numbers; null: the job's seed."""
    seeds: Annotated[int, Field(ge=2)] | Annotated[list[int], Field(min_length=2)] | None = None
    """Seeds of several trainings, of which the estimate is the mean: their number, counted from `seed`, or a list.
    Null: one training.
    """
    minimum_entries: int = 1000
    """Smallest number of training rows; with fewer the model is left out, and the report says so."""

    #: Whether there is anything to train.
    trains: ClassVar[bool] = True
    #: Whether estimates of two trainings are of the same quantity, so that folds and means of them make sense.
    comparable: ClassVar[bool] = True

    @property
    def draws(self) -> bool:
        """Whether its training draws random numbers, so that another seed gives another model."""
        return True

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: int | list[int] | None) -> int | list[int] | None:
        if isinstance(seeds, list) and len({*seeds}) < len(seeds):
            raise ValueError("a seed is listed twice: its training would count twice")
        return seeds

    @model_validator(mode="after")
    def _can_be_a_mean(self) -> Self:
        if self.seeds is not None and not (self.trains and self.comparable):
            why = "its trainings find variables of their own" if self.trains else "nothing is trained"
            raise ValueError(f"seeds: {why}, so that there is no mean: leave it out")
        if self.seeds is not None and not self.draws:
            raise ValueError(
                "seeds: nothing in this training is drawn at random, so that all would be the same: let each tree draw "
                "its rows or features, as in 'rows: 0.7' or 'columns: 0.7', or leave it out"
            )
        return self

    def members(self) -> tuple[str, ...]:
        """Return the models of the job that the model is the mean of, in place of a training; none for most."""
        return ()

    @property
    def most_steps(self) -> int:
        """Most steps of a training, which are epochs or rounds of boosting; 0: not known."""
        return 0

    @property
    def stops_early(self) -> bool:
        """Whether a training may stop before all steps are done."""
        return True

    def shortened(self) -> dict[str, Any]:
        """Return settings by which a training ends after a few steps, at the same pace; none where it has none."""
        return {}

    @property
    def is_learnt(self) -> bool:
        """Whether its estimate comes from trainings, its own or its members'."""
        return self.trains or bool(self.members())

    @property
    def choice(self) -> Choice:
        """Selection of the rows that the model is trained on."""
        return Choice(learns_from=self.learns_from, within=self.within, shuffled=self.shuffled)

    def weighed_by(self) -> Weight | None:
        """Return the kind that computes the weight of each row; None where the weight is a column, or there is none."""
        return None

    def check(self, known: list[str]) -> None:
        """Raise RequestError where a setting names a feature that is in none of the job's feature sets."""

    @property
    def learns_labels(self) -> bool:
        """Whether the target is the number of a class."""
        return False

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the model cannot learn the target; by default it cannot learn a vector."""
        if len(target.truths) > 1:
            raise RequestError(
                f"a {type(self).__name__} gives one quantity, and the target has {len(target.truths)}: "
                f"{', '.join(target.truths)}"
            )

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of the components of the estimate: by default those of the true quantity."""
        return target.truths

    def parts(self) -> list[object]:
        """Return the kinds that make up the model, itself first; a bundle is out of date when code of one changes."""
        return [self]

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """Return the columns of x: by default the features, with their set resolved."""
        return tuple(resolved)

    def lists(self) -> tuple[str, ...]:
        """Return the jagged columns that the prediction needs besides x."""
        return ()

    def trained_on(self) -> tuple[str, ...]:
        """Return the columns that only the training reads."""
        return ()

    def names_columns(self) -> tuple[str, ...]:
        """Return the columns that settings name and that must exist, whether this model reads them or not."""
        return ()

    def demands(self) -> Demands:
        """Return the resources that the training requests of the cluster."""
        return Demands()

    def prepare(self, work: "TrainingTask") -> None:
        """Prepare the training: called once, on one worker, before it."""

    @abstractmethod
    def train(self, work: "TrainingTask", report: Report) -> dict[str, object]:
        """Fit to the training split, stop by the validation split, write all that `load` needs into the task's folder.

        Resumes from the checkpoint of an earlier attempt, where the scratch folder holds one. Writes one line per step
        to history.jsonl in the folder. Returns facts for the bundle's provenance, as JSON values.
        """

    def take_part(self, work: "TrainingTask", rank: int, size: int, report: Report) -> None:
        """Train as one of the ranks that `launch`, which `train` may call, has started.

        The first rank writes the facts into the scratch folder. Raises LineshapeError where the training fails.
        """
        raise NotImplementedError(f"{type(self).__name__} starts no ranks")

    @abstractmethod
    def load(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """Return the prediction, a function of x (n, features) and of lists by column; no code is unpickled."""

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats] | None:
        """Return the function ln p(v, θ) / (p(v) p(θ)) of estimates v and values θ of the target, or None without one.

        Its arguments are (n,) or (n, components) each, its result (n,).
        """
        return None

    def load_exact(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """Return the prediction in higher precision, where rounding affects more than the last digits."""
        return self.load(folder)


#: Models, by kind.
MODELS: Final = Role("model", "lineshape.engine.learning.models", Model, "models.*")
