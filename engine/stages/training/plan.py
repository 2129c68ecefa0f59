"""Plan the trainings of a model, and join their bundles to that of the model."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.ledger import versions
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.seen_events import Seen
from lineshape.engine.core.split import AnyDivision, Fold
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.counted_events import seen_through
from lineshape.engine.job.inputs import TrainingInputs, inputs_of, joined
from lineshape.engine.job.job import Job
from lineshape.engine.job.trainings import TrainingPart
from lineshape.engine.learning.bundles import CALIBRATION, FILE, Bundle, BundleParts
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.training_task import TrainingTask
from lineshape.engine.stages.training.trainer import Task


@dataclass(frozen=True)
class ModelPlan:
    """The trainings behind the bundle of a model.

    spec, model: as in the job file, as a kind and built. digest: of everything that the bundle depends on. folder: of
    the bundle. division: of the job's events. tasks: by their folders within it; none for a mean of other models.
    through: records of the events that its columns have seen.
    """

    name: str
    spec: KindSpec
    model: Model
    inputs: TrainingInputs
    digest: str
    folder: Path
    division: AnyDivision
    tasks: Mapping[tuple[str, ...], Task]
    through: tuple[Seen, ...]

    @property
    def is_made(self) -> bool:
        """Whether the bundle is there, made from the same inputs."""
        return (self.folder / FILE).is_file() and Bundle.load(self.folder).digest == self.digest

    @property
    def is_single(self) -> bool:
        """Whether there is one training alone, whose bundle is the model's."""
        return () in self.tasks

    def todo(self) -> list[Task]:
        """Return the trainings of which there is no bundle yet."""
        return [task for task in self.tasks.values() if not task.is_made]

    def sweep(self) -> None:
        """Remove what earlier trainings of this model from other data or settings left behind."""
        own = {task.work.folder.parent.name for task in self.tasks.values()}
        for left in self.folder.parent.glob(f".{self.name}.*.work"):
            if left.name not in own and left.name.count(".") == self.name.count(".") + 3:
                shutil.rmtree(left, ignore_errors=True)
        if self.is_single:
            return
        # Without its record first, so that it is no bundle while its parts change.
        (self.folder / FILE).unlink(missing_ok=True)
        wanted = {self.folder.joinpath(*path[: depth + 1]) for path in self.tasks for depth in range(len(path))}
        for path in self.folder.glob("*"):
            if path not in wanted:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def join(self) -> None:
        """Make the bundle from those of the trainings, which are there."""
        if self.inputs.members:
            self._join_members()
        elif not self.is_single:
            self._join(())

    def _join_members(self) -> None:
        """Make the bundle of copies of those of other models, which are there."""
        for name in self.inputs.members:
            source = self.folder.parent / name
            shutil.copytree(source, self.folder / name, ignore=shutil.ignore_patterns(CALIBRATION))
        self._save(
            self.folder, self.name, self.digest, {}, self.division, BundleParts(tuple(self.inputs.members), "mean")
        )

    def _join(self, path: tuple[str, ...]) -> None:
        """Make the bundle in a folder from those in the folders within it, which are made first where need be."""
        within = {each: task for each, task in self.tasks.items() if each[: len(path)] == path}
        names = list(dict.fromkeys(each[len(path)] for each in within))
        for name in names:
            if (*path, name) not in within:
                self._join((*path, name))
        folder, own = self.folder.joinpath(*path), next(iter(within.values())).work.data.split
        # Folds are innermost: each seed has all of them.
        is_folded = isinstance(own, Fold) and all(len(each) == len(path) + 1 for each in within)
        facts = [Bundle.load(folder / name).provenance for name in names]
        losses = [each["validation_loss"] for each in facts if "validation_loss" in each]
        known = digest([task.digest for task in within.values()]) if path else self.digest
        parts = BundleParts(tuple(names), "folds" if is_folded else "mean")
        about = {"validation_loss": float(np.mean(losses))} if losses else {}
        self._save(folder, "_".join((self.name, *path)), known, about, self.division, parts)

    def _save(
        self, folder: Path, name: str, known: str, facts: dict[str, float], division: AnyDivision, parts: BundleParts
    ) -> None:
        """Save a bundle that is made of others; known: its digest."""
        seen = Seen.behind(division, self.through)
        about = {"versions": versions(), **facts}
        Bundle(
            folder, name, self.spec, self.inputs.features, self.inputs.target, known, about, seen, parts=parts
        ).save()


def plan_of(job: Job, store: FeatureStore, folder: RunFolder, name: str, model: Model) -> ModelPlan:
    """Return the plan of a model of a job; raise RequestError where it cannot learn the target."""
    inputs = inputs_of(job, model)
    try:
        model.require_target(inputs.target)
    except RequestError as error:
        raise RequestError(f"models.{name}: {error}") from error
    place, digests = folder.models / name, inputs.digests(job, store)
    whole = inputs.digest(job, store) if inputs.members else joined(digests)
    spec = KindSpec(
        kind=job.models[name].kind,
        **{key: value for key, value in job.models[name].settings.items() if key != "seeds"},
    )
    through = tuple(seen_through(job, store, columns_of(inputs, model)).values())

    def task(part: TrainingPart, digest: str) -> Task:
        data = Dataset(folder.features, inputs.features, inputs.target, part.division, model.choice, model.weighed_by())
        # Named by the digest of its inputs: a restarted training finds its own files, and no other training does.
        own = folder.models.resolve() / f".{name}.{digest[:16]}.work"
        work = TrainingTask("_".join((name, *part.path)), spec, data, part.seed, own / "bundle", own / "scratch")
        seen = Seen.behind(part.division if model.trains else None, through)
        return Task(work, name, model, digest, place.joinpath(*part.path), seen)

    tasks = {part.path: task(part, each) for part, each in digests.items()}
    return ModelPlan(name, job.models[name], model, inputs, whole, place, job.division, tasks, through)


def columns_of(inputs: TrainingInputs, model: Model) -> list[str]:
    """Return all columns that a training reads, or the trainings of members."""
    if inputs.members:
        every = (name for each in inputs.members.values() for name in columns_of(each, each.model))
        return list(dict.fromkeys(every))
    return [*inputs.features, *model.lists(), *model.trained_on(), *model.choice.columns, *inputs.target.columns]
