"""Inputs of a model's training, and the digest that tells whether its bundle is up to date."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.source_code import code_of, code_of_modules, source_of
from lineshape.engine.core.split import Target
from lineshape.engine.core.validation import validated
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.trainings import TrainingPart, parts_of
from lineshape.engine.learning.roles.model import Model


@dataclass(frozen=True)
class TrainingInputs:
    """Inputs of a model's trainings: its settings, features and target.

    members: inputs of the models that it is the mean of, by name; it has no trainings of its own then.
    """

    model: Model
    features: tuple[str, ...]
    target: Target
    members: Mapping[str, "TrainingInputs"] = field(default_factory=dict)

    @property
    def _read(self) -> set[str]:
        """Columns that the training reads."""
        return {*self.target.columns, *self.features, *self.model.trained_on(), *self.model.choice.columns}

    def digest(self, job: Job, store: FeatureStore) -> str:
        """Return a digest of everything that its trainings depend on: data, split, settings, seed and code."""
        if self.members:
            return digest([(name, each.digest(job, store)) for name, each in self.members.items()])
        return joined(self.digests(job, store))

    def digests(self, job: Job, store: FeatureStore) -> dict[TrainingPart, str]:
        """Return the digest of everything that each training depends on."""
        rows = store.digest(self.model.choice.samples)
        weight = store.about_computed.get(EVENT_WEIGHT) if EVENT_WEIGHT in self._read else None
        rows = digest(rows, weight) if weight else rows
        return {part: self._digest(job, rows, part) for part in parts_of(job, self.model)}

    def code(self, job: Job) -> str:
        """Return the digest of everything but the data."""
        if self.members:
            return digest([(name, each.code(job)) for name, each in self.members.items()])
        return joined({part: self._digest(job, "", part) for part in parts_of(job, self.model)})

    def _digest(self, job: Job, rows: str, part: TrainingPart) -> str:
        settings = self.model.model_dump(mode="json", exclude={"label", "minimum_entries", "seed", "seeds"})
        parts = [(type(part).__qualname__, source_of(type(part))) for part in self.model.parts()]
        content = [rows, settings, self.features, self.target.model_dump(), part.division.model_dump(), part.seed]
        classes = {name: each.model_dump(mode="json") for name, each in job.class_columns.items() if name in self._read}
        return digest(
            [*content, classes] if classes else content,
            parts,
            code_of("lineshape.engine.learning"),
            code_of_modules("lineshape.engine.core.row_selection"),
        )


def joined(digests: Mapping[TrainingPart, str]) -> str:
    """Return the digest of a bundle from those of its trainings."""
    (first, *_), values = digests, list(digests.values())
    return values[0] if first.is_whole else digest([(part.path, each) for part, each in digests.items()])


def inputs_of(job: Job, model: Model) -> TrainingInputs:
    """Return the features and target of a model, its feature set resolved, or those of its members together.

    Raises RequestError where a feature set or a member is unknown, or members cannot be averaged.
    """
    if model.members():
        return _joined_inputs(job, model)
    features = model.inputs(job.features(model) if model.trains else [])
    # An explicit `per: null` in a model means no division, whatever the job's target says.
    per = model.per if "per" in model.model_fields_set else job.target.per
    return TrainingInputs(model, features, validated(Target, {"truth": model.truth or job.target.truth, "per": per}))


def _joined_inputs(job: Job, model: Model) -> TrainingInputs:
    """Return the inputs of a mean of models."""
    known = job.built_models()
    for name in model.members():
        if name not in known:
            raise RequestError(f"models: '{name}' is not a model{nearest(name, known)}")
        if not known[name].trains:
            raise RequestError(f"models: {name} is not trained itself: expected models that are")
        if not known[name].comparable:
            raise RequestError(f"models: {name} finds a variable of its own, so that there is no mean: leave it out")
    members = {name: inputs_of(job, known[name]) for name in model.members()}
    first, *others = members
    for what in ("target", "within"):
        values = {name: each.target if what == "target" else each.model.within for name, each in members.items()}
        if unlike := [name for name in others if values[name] != values[first]]:
            raise RequestError(
                f"models: {listing(unlike)} and {first} do not have the same {what}, so that there is no mean: "
                "expected models of one quantity, on the same objects"
            )
    features = dict.fromkeys(name for each in members.values() for name in each.features)
    return TrainingInputs(model, tuple(features), members[first].target, members)
