"""The job file: what to read, which processor, models and measures."""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lineshape.engine.clusters.cluster import CLUSTERS, Cluster
from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.settings import Name, Names, Settings
from lineshape.engine.core.split import Split, Target
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.job.derived import Derived
from lineshape.engine.job.policy import Policy
from lineshape.engine.learning.roles.model import MODELS, Model
from lineshape.engine.learning.search import Search
from lineshape.engine.measures.measure import MEASURES, Measure


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

    study: Name
    title: str = ""
    about: list[str] = []
    processor: Annotated[KindSpec, PROCESSORS]
    samples: dict[Name, SampleSpec] = {}
    branches: dict[str, str | list[str | None] | None] = {}
    derived: dict[Name, Derived] = {}
    chunk_entries: int = Field(50_000, gt=0)
    nonfinite: Literal["refuse", "drop"] = "refuse"
    tolerate: float = Field(0.0, ge=0, le=1)
    split: Split = Split()
    target: Target
    feature_sets: dict[str, Names] = {}
    models: dict[Name, Annotated[KindSpec, MODELS]] = Field(min_length=1)
    baseline: str
    measures: dict[Name, Annotated[KindSpec, MEASURES]] = Field(min_length=1)
    search: dict[str, Search] = {}
    reprocess: Policy = Policy()
    cluster: Annotated[KindSpec, CLUSTERS] = KindSpec(kind="local")
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
        models = {name: MODELS.build(spec, ("models", name)) for name, spec in self.models.items()}
        measures = {name: MEASURES.build(spec, ("measures", name)) for name, spec in self.measures.items()}
        return models, measures

    def built_models(self) -> dict[str, Model]:
        """The models by name, in the job file's order."""
        return self._kinds[0]

    def built_measures(self) -> dict[str, Measure]:
        """The measures by name, in the job file's order."""
        return self._kinds[1]

    def built_cluster(self) -> Cluster:
        """The cluster to run on."""
        return CLUSTERS.build(self.cluster, ("cluster",))

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
