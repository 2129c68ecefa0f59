"""List the trainings of a model: one, or one for each fold and each seed."""

from dataclasses import dataclass

from lineshape.engine.core.split import AnyDivision, Fold
from lineshape.engine.job.job import Job
from lineshape.engine.learning.roles.model import Model


@dataclass(frozen=True)
class TrainingPart:
    """One of the trainings behind a model.

    path: names of the folders within the model's bundle that hold its own; none where there is one training alone.
    division: of events. seed: of random numbers.
    """

    path: tuple[str, ...]
    division: AnyDivision
    seed: int

    @property
    def is_whole(self) -> bool:
        """Whether this is the only training of its model."""
        return not self.path


def parts_of(job: Job, model: Model) -> list[TrainingPart]:
    """Return the trainings of a model, seed by seed and fold by fold; none for a mean of other models."""
    if model.members():
        return []
    first = job.seed if model.seed is None else model.seed
    seeds = [first + number for number in range(model.seeds)] if isinstance(model.seeds, int) else model.seeds
    return [
        TrainingPart((*which, *fold), division, seed)
        for which, seed in ([((f"seed_{seed}",), seed) for seed in seeds] if seeds else [((), first)])
        for fold, division in _divisions(job, model).items()
    ]


def _divisions(job: Job, model: Model) -> dict[tuple[str, ...], AnyDivision]:
    if not job.folds or not model.trains:
        return {(): job.split}
    return {(f"fold_{number}",): Fold(folds=job.folds, fold=number) for number in range(job.folds)}
