"""What a model is: a kind with settings; trained, it is a bundle that predicts from named columns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.row_selection import Choice, Condition, Part
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.split import Target
from lineshape.engine.learning.roles.weight import Weight

if TYPE_CHECKING:
    from lineshape.engine.learning.roles.training_task import TrainingTask

Floats = NDArray[np.float64]
#: Called with steps done, steps in all and a word on where the training stands.
Report = Callable[[float, float, str], None]
#: Among the facts of a training: what its reader is to be warned of, in sentences.
REMARKS: Final = "remarks"


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture for each row, in the target's own units; each array is (n, components)."""

    weights: Floats
    means: Floats
    sigmas: Floats

    @property
    def mean(self) -> Floats:
        """(n,) by the law of total expectation."""
        return np.asarray((self.weights * self.means).sum(axis=1))

    @property
    def sigma(self) -> Floats:
        """(n,) by the law of total variance: Σ π (σ² + μ²) − mean²."""
        second = (self.weights * (self.sigmas**2 + self.means**2)).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(second - self.mean**2, 1e-12)))


@dataclass(frozen=True)
class Output:
    """What a model says of n rows: the target, and the mixture it was read from where there is one.

    target: (n,), or (n, components) of a vector.
    probabilities: (n, classes), where it tells classes apart.
    """

    target: Floats
    mixture: Mixture | None = None
    probabilities: Floats | None = None


@dataclass(frozen=True)
class Demands:
    """What a training asks of the cluster: workers that train together, and a GPU where workers declare them."""

    workers: int = 1
    gpu: bool = False


class Model(Settings, ABC):
    """A kind of model.

    label: in plots and tables. features: a feature set's name, or columns; without: those of it that are left out.
    truth, per: what is learnt, and what the target divides it by (null: nothing), where they are not the job's.
    learns_from: parts of the samples, by default all rows. within: what the model's objects meet: it is neither trained
    nor measured on others. shuffled: columns that are mixed up among the rows it is trained on. seed: of its training,
    where it is not the job's. minimum_entries: with fewer training rows it is left out, and the report says so.
    """

    label: str = ""
    features: str | Names = []
    without: Names = []
    truth: str | None = None
    per: str | None = None
    learns_from: list[Part] = []
    within: dict[str, Condition] = {}
    shuffled: Names = []
    seed: int | None = None
    minimum_entries: int = 1000

    #: Whether there is anything to train.
    trains: ClassVar[bool] = True

    @property
    def choice(self) -> Choice:
        """The rows that it is trained on."""
        return Choice(learns_from=self.learns_from, within=self.within, shuffled=self.shuffled)

    def weighed_by(self) -> Weight | None:
        """What gives the weight of each row, where that is more than a column."""
        return None

    def check(self, known: list[str]) -> None:
        """Raise RequestError where a setting names a feature that is not known to the job."""

    @property
    def learns_labels(self) -> bool:
        """Whether its target is the number of a class."""
        return False

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the model cannot learn it; by default a vector."""
        if len(target.truths) > 1:
            raise RequestError(
                f"a {type(self).__name__} gives one quantity, and the target has {len(target.truths)}: "
                f"{', '.join(target.truths)}"
            )

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the components of the estimate: by default what is to be learnt."""
        return target.truths

    def parts(self) -> list[object]:
        """The kinds that the model is made of, itself the first: a bundle is out of date when their code changes."""
        return [self]

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """Columns of x: by default the features, with their set resolved."""
        return tuple(resolved)

    def lists(self) -> tuple[str, ...]:
        """Columns with a list in each row, that the prediction needs beside x."""
        return ()

    def trained_on(self) -> tuple[str, ...]:
        """Columns that only the training looks at."""
        return ()

    def names_columns(self) -> tuple[str, ...]:
        """Columns that settings name and that must exist, whether this model reads them or not."""
        return ()

    def demands(self) -> Demands:
        """What its training asks of the cluster."""
        return Demands()

    def prepare(self, work: "TrainingTask") -> None:
        """What is done once, on one worker, before the training."""

    @abstractmethod
    def train(self, work: "TrainingTask", report: Report) -> dict[str, object]:
        """Fit to the training split, stop by the validation split, write all that `load` needs into the work's folder.

        Where the scratch folder holds what an earlier attempt left, go on from there. Returns facts for the bundle's
        provenance, as JSON. A line a step goes to history.jsonl in the folder.
        """

    def take_part(self, work: "TrainingTask", rank: int, size: int, report: Report) -> None:
        """As one rank of all that `launch` started, which `train` may call; the first leaves its facts in the scratch.

        Raises LineshapeError with what is wrong.
        """
        raise NotImplementedError(f"{type(self).__name__} starts no ranks")

    @abstractmethod
    def load(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """The prediction from x (n, features) and lists by their column, without unpickling code."""

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats] | None:
        """Ln p(v, θ) / (p(v) p(θ)), (n,), of estimates v and values θ of the target, each (n,) or (n, components).

        None where the model knows of none.
        """
        return None

    def load_exact(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """The same without what is lost to rounding, where that is more than in the last digits."""
        return self.load(folder)
