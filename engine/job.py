"""The job file: what to read, which processor, models and measures."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from lineshape.engine.clusters.cluster import Cluster
from lineshape.engine.derived import Derived
from lineshape.engine.errors import RequestError, nearest
from lineshape.engine.job_file import Source, explain
from lineshape.engine.kinds import KindError, KindSpec, build
from lineshape.engine.learning.models.model import Model
from lineshape.engine.learning.search import Search, with_settings
from lineshape.engine.measures.measure import Measure
from lineshape.engine.policy import Policy
from lineshape.engine.settings import Settings
from lineshape.engine.split import Split, Target


class SampleSpec(Settings):
    """A named set of ROOT files of one process.

    files: paths, URLs or globs. simulate: the family that makes the files where none are given.
    """

    label: str = ""
    files: list[str] = []
    tree: str = "CollectionTree"
    simulate: KindSpec | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if not self.files and self.simulate is None:
            raise ValueError("a sample needs 'files' or 'simulate'")
        return self


class Job(Settings):
    """A job file, validated; the kinds in it are built when they are asked for. about: paragraphs for the report."""

    study: str
    title: str = ""
    about: list[str] = []
    processor: KindSpec
    samples: dict[str, SampleSpec] = {}
    branches: dict[str, str | list[str | None] | None] = {}
    derived: dict[str, Derived] = {}
    chunk_entries: int = Field(50_000, gt=0)
    nonfinite: Literal["refuse", "drop"] = "refuse"
    tolerate: float = Field(0.0, ge=0, le=1)
    split: Split = Split()
    target: Target
    feature_sets: dict[str, list[str]] = {}
    models: dict[str, KindSpec] = Field(min_length=1)
    baseline: str
    measures: dict[str, KindSpec] = Field(min_length=1)
    search: dict[str, Search] = {}
    reprocess: Policy = Policy()
    cluster: KindSpec = KindSpec(kind="local")
    seed: int = 1

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if self.baseline not in self.models:
            raise ValueError(f"baseline '{self.baseline}' is not a model: expected one of {', '.join(self.models)}")
        for name in self.search:
            if name not in self.models:
                raise ValueError(f"search: '{name}' is not a model: expected one of {', '.join(self.models)}")
        return self

    @cached_property
    def _kinds(self) -> tuple[dict[str, Model], dict[str, Measure]]:
        models = {
            name: build("lineshape.engine.learning.models", Model, spec, ("models", name))
            for name, spec in self.models.items()
        }
        measures = {
            name: build("lineshape.engine.measures", Measure, spec, ("measures", name))
            for name, spec in self.measures.items()
        }
        return models, measures

    def built_models(self) -> dict[str, Model]:
        """The models by name, in the job file's order."""
        return self._kinds[0]

    def built_measures(self) -> dict[str, Measure]:
        """The measures by name, in the job file's order."""
        return self._kinds[1]

    def built_cluster(self) -> Cluster:
        """The cluster to run on."""
        return build("lineshape.engine.clusters", Cluster, self.cluster, ("cluster",))

    def features(self, model: Model) -> list[str]:
        """Names of a model's input columns, its feature set resolved; raises RequestError where it names none."""
        names = model.features if isinstance(model.features, list) else self.feature_sets.get(model.features)
        if names is None:
            raise RequestError(
                f"feature set '{model.features}' is not in feature_sets: expected one of {', '.join(self.feature_sets)}"
            )
        for name in model.without:
            if name not in names:
                raise RequestError(f"without: '{name}' is not among the model's features{nearest(name, names)}")
        return [name for name in names if name not in model.without]


Check = Callable[[Job], None]


def load_job(path: Path, changes: Mapping[str, Any] | None = None, checks: Iterable[Check] = ()) -> Job:
    """Read and check a job file.

    path: the YAML file. changes: values that replace those of the file, by dotted key (`models.brt.depth`). checks:
    further ones, of what other layers know; each raises KindError with the place of what is wrong.

    Raises RequestError with the file, the line, what was expected and what is there.
    """
    source = Source.read(path)
    source.values.setdefault("cluster", {"kind": "local"})
    for key, value in (changes or {}).items():
        source.change(key, value)
    try:
        job = Job.model_validate(source.values)
        for check in (_check_kinds, *checks):
            check(job)
    except ValidationError as error:
        raise explain(source, error, ()) from error
    except KindError as error:
        raise explain(source, error.error, error.where) from error
    return job


def _check_kinds(job: Job) -> None:
    for name, measure in job.built_measures().items():
        for key, models in {"models": measure.models, "against": measure.against}.items():
            if unknown := [model for model in models if model not in job.models]:
                error = RequestError(f"'{unknown[0]}' is not a model{nearest(unknown[0], job.models)}")
                raise KindError(("measures", name, key), error)
        try:
            measure.require_models(job.built_models(), job.target)
        except RequestError as error:
            raise KindError(("measures", name), error) from error
    job.built_cluster()
    named = [name for names in job.feature_sets.values() for name in names]
    for name, model in job.built_models().items():
        try:
            features = job.features(model)
        except RequestError as error:
            raise KindError(("models", name, "features"), error) from error
        try:
            model.check([*features, *named])
        except RequestError as error:
            raise KindError(("models", name), error) from error
    for name, search in job.search.items():
        for setting, space in search.space.items():
            for value in space.choices or [space.low, space.high]:
                spec = with_settings(job.models[name], {setting: value})
                try:
                    build("lineshape.engine.learning.models", Model, spec, ())
                except KindError as error:
                    where = ("search", name, "space", setting)
                    raise KindError(where, RequestError(f"{_first(error)} (at {value})")) from error


def _first(error: KindError) -> str:
    """What is wrong with a setting that a search would try, in a line."""
    if not isinstance(error.error, ValidationError):
        return str(error.error)
    items = error.error.errors(include_url=False)
    texts = {"extra_forbidden": "the model has no such setting"}
    return "; ".join(texts.get(item["type"], item["msg"].removeprefix("Value error, ")) for item in items)
