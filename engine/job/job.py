"""The job file's schema: what to read, which processor, models and measures."""

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lineshape.engine.clusters.cluster import CLUSTERS, Cluster
from lineshape.engine.core.class_column import ClassColumn
from lineshape.engine.core.errors import RequestError, nearest
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.settings import Name, Names, Settings
from lineshape.engine.core.split import FEWEST_FOLDS, Folds, Split, Target
from lineshape.engine.core.validation import SettingsError
from lineshape.engine.input.study import PROCESSORS
from lineshape.engine.job.claim import Claim
from lineshape.engine.job.classes import ClassPart, check_classes, numbered, with_named_classes
from lineshape.engine.job.data_samples import with_data
from lineshape.engine.job.derived import Derived
from lineshape.engine.job.policy import Policy
from lineshape.engine.job.regions import Region, with_regions
from lineshape.engine.job.weighting import Weighting, check_weights, is_scaled, with_training_weights
from lineshape.engine.learning.roles.model import MODELS, Model
from lineshape.engine.learning.search import Search
from lineshape.engine.measures.measure import MEASURES, Measure
from lineshape.engine.variations.variation import VARIATIONS, Variation


class SampleSpec(Settings):
    """A named set of ROOT files of one process. Either `files` or `simulate` must be given."""

    label: str = ""
    """Name of the sample in plots and tables; empty: its key in the job file."""
    files: list[str] = []
    """Paths, URLs, globs, folders or text lists of ROOT files; empty: files made by `simulate`."""
    tree: str = "CollectionTree"
    """Name of the TTree or RNTuple to read. The default is that of ATLAS's xAOD formats, also found as EventData."""
    simulate: KindSpec | None = None
    """Sample family that generates the files, with its settings; used where no files are given. Null: none."""

    cross_section: Annotated[float, Field(gt=0)] | None = None
    """Cross-section of the process in pb, with all branching fractions and efficiencies of filters; null: not known.
    With the job's `luminosity`, rows are weighted so that the sample is as large as in the data.
    """
    scale: float = 1.0
    """Factor of the weights of its rows."""
    data: bool = False
    """Whether it is of data: no truth is asked of it, no model learns from it unless its target's classes name it, its
    rows have no weights, and it is not varied.
    """
    weighted: bool = True
    """Whether the columns of the job's `weight` apply to its rows; false for data."""

    @model_validator(mode="before")
    @classmethod
    def _data_have_no_weights(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("data") in (True, "true"):
            return {"weighted": False} | values
        return values

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if not self.files and self.simulate is None:
            raise ValueError("a sample needs 'files' or 'simulate'")
        return self


class Job(Settings):
    """A validated job file; the kinds in it are built when they are first asked for."""

    study: Name
    """Name of the study, which also names its run folder."""
    title: str = ""
    """Title of the report; empty: the study's name."""
    about: list[str] = []
    """Paragraphs that introduce the report."""
    processor: Annotated[KindSpec, PROCESSORS]
    """Processor of the study, with its settings."""
    samples: dict[Name, SampleSpec] = {}
    """Samples to read, by name."""
    groups: dict[Name, Annotated[Names, Field(min_length=1)]] = {}
    """Samples that figures are also given of together, by name of the group."""
    regions: dict[Name, Region] = {}
    """Selections of rows, by name, which measures refer to."""
    classes: dict[Name, Annotated[dict[Name, ClassPart], Field(min_length=2)]] = {}
    """Columns that number classes, by name of the column: for each class the samples or groups that its rows are of, or
    `samples` and conditions, `where`. They are computed when rows are read, so that another definition reads no file
    again. Of two classes the first, such as the signal, has number 1; more are numbered from 0. The same may be written
    as `classes:` of the target, or of a measure.
    """
    weight: Weighting | None = None
    """Weight of each row in figures and trainings; null: all count the same, but for `scale` and `cross_section` of
    samples.
    """
    luminosity: Annotated[float, Field(gt=0)] | None = None
    """Integrated luminosity in fb⁻¹ that samples with a cross-section are scaled to; null: none is."""
    branches: dict[str, str | list[str | None] | None] = {}
    """Branches that hold the processor's input columns, where they are not its defaults.
    A list names alternatives, of which the first that exists is used; null, alone or as the last: the column may be
    missing.
    """
    derived: dict[Name, Derived] = {}
    """Columns computed by bundles of other studies, by name."""
    variations: dict[Name, Annotated[KindSpec, VARIATIONS]] = {}
    """Systematic variations, by name: what each shifts figures by is their systematic uncertainty."""
    chunk_entries: int = Field(50_000, gt=0)
    """Maximum number of entries in a chunk.
    Lower it where workers run out of memory, raise it where there are too many chunks.
    """
    nonfinite: Literal["refuse", "drop"] = "refuse"
    """Treatment of NaN or infinite input values: refuse (quarantine the chunk) or drop (leave out such entries)."""
    tolerate: float = Field(0.0, ge=0, le=1)
    """Fraction of the entries that may be quarantined without failing the run; 0: none."""
    split: Split = Split()
    """Division of events into training, validation and test."""
    folds: Annotated[int, Field(ge=FEWEST_FOLDS)] | None = None
    """Number of folds, in place of `split`: each model is trained as many times, and every event is predicted by the
    one that neither learnt from it nor was chosen by it. Null: none.
    """
    target: Target
    """Quantity that models learn, unless they set their own."""
    feature_sets: dict[str, Names] = {}
    """Named lists of input columns, which models refer to."""
    models: dict[Name, Annotated[KindSpec, MODELS]] = Field(min_length=1)
    """Models to train and measure, by name; at least one."""
    baseline: str
    """Name of the model that all others are compared with."""
    measures: dict[Name, Annotated[KindSpec, MEASURES]] = Field(min_length=1)
    """Measures of the models' performance, by name; at least one."""
    claims: dict[Name, Claim] = {}
    """Requirements on the figures, by name: the report shows them, `lineshape check` and reprocessing hold to them."""
    search: dict[str, Search] = {}
    """Searches for better settings, by name of the model."""
    reprocess: Policy = Policy()
    """Rules of scheduled reprocessing: when to train anew, and when a challenger becomes champion."""
    cluster: Annotated[KindSpec, CLUSTERS] = KindSpec(kind="local")
    """Cluster to run on, with its settings; by default worker processes on this machine."""
    seed: int = 1
    """Random seed of trainings and searches, unless a model sets its own."""

    @model_validator(mode="before")
    @classmethod
    def _classes_and_weights_are_named(cls, values: Any) -> Any:
        return with_training_weights(with_data(with_regions(with_named_classes(values))))

    @model_validator(mode="after")
    def _classes_are_of_samples(self) -> Self:
        check_classes(self.samples, self.groups, self.classes)
        check_weights(self.samples, self.weight, self.luminosity)
        return self

    @model_validator(mode="after")
    def _divided_once(self) -> Self:
        if self.folds and self.split != Split():
            text = f"there are folds ({self.folds}), which divide the events: leave out 'split' or 'folds'"
            raise SettingsError.at(("split",), text)
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if self.baseline not in self.models:
            text = f"baseline '{self.baseline}' is not a model: expected one of {', '.join(self.models)}"
            raise SettingsError.at(("baseline",), f"{text}{nearest(self.baseline, self.models)}")
        for name, features in self.feature_sets.items():
            if not features:
                raise SettingsError.at(("feature_sets", name), "it is empty: expected the names of columns")
        for name in self.search:
            if name not in self.models:
                text = f"'{name}' is not a model: expected one of {', '.join(self.models)}"
                raise SettingsError.at(("search", name), f"{text}{nearest(name, self.models)}")
        for name, claim in self.claims.items():
            self._check_names(name, claim)
        return self

    def _check_names(self, name: str, claim: Claim) -> None:
        """Raise SettingsError where a claim names a model or measure that the job does not have."""
        over = claim.over.model_dump(exclude_none=True, include={"model", "measure"}) if claim.over else {}
        named = [
            *(((name, "model"), model, self.models) for model in claim.models),
            *(((name, "measure"), measure, self.measures) for measure in [claim.measure] if measure is not None),
            *(((name, "over", key), value, getattr(self, f"{key}s")) for key, value in over.items()),
        ]
        for place, value, known in named:
            if value not in known:
                text = f"'{value}' is not a {place[-1]}: expected one of {', '.join(known)}"
                raise SettingsError.at(("claims", *place), f"{text}{nearest(value, known)}")

    def claims_on_its_samples(self) -> dict[str, Claim]:
        """Return the claims but for those on a sample that the job does not have, as with a user's own files."""
        return {
            name: claim
            for name, claim in self.claims.items()
            if all(sample in self.samples for sample in claim.samples)
        }

    @cached_property
    def class_columns(self) -> dict[str, ClassColumn]:
        """Columns that number classes, by name, with groups resolved and classes in the order of their numbers."""
        return {name: numbered(parts, self.groups) for name, parts in self.classes.items()}

    @property
    def division(self) -> Split | Folds:
        """Division of events into training, validation and test."""
        return Folds(folds=self.folds) if self.folds else self.split

    @property
    def is_weighted(self) -> bool:
        """Whether rows may have different weights."""
        return self.weight is not None or any(is_scaled(sample) for sample in self.samples.values())

    def generated_of(self, sample: str) -> KindSpec | None:
        """Return the kind that finds the sum of a sample's generated weights; None where it is not needed."""
        return self.weight.generated if self.weight and self.samples[sample].cross_section else None

    @cached_property
    def _kinds(self) -> tuple[dict[str, Model], dict[str, Measure]]:
        models = {name: MODELS.build(spec, ("models", name)) for name, spec in self.models.items()}
        measures = {name: MEASURES.build(spec, ("measures", name)) for name, spec in self.measures.items()}
        return models, measures

    def built_models(self) -> dict[str, Model]:
        """Return the models by name, in the job file's order."""
        return self._kinds[0]

    def built_measures(self) -> dict[str, Measure]:
        """Return the measures by name, in the job file's order."""
        return self._kinds[1]

    @cached_property
    def _variations(self) -> dict[str, Variation]:
        return {name: VARIATIONS.build(spec, ("variations", name)) for name, spec in self.variations.items()}

    def built_variations(self) -> dict[str, Variation]:
        """Return the systematic variations by name, in the job file's order."""
        return self._variations

    def built_cluster(self) -> Cluster:
        """Return the cluster to run on."""
        return CLUSTERS.build(self.cluster, ("cluster",))

    def features(self, model: Model) -> list[str]:
        """Return the names of a model's input columns, its feature set resolved.

        Raises RequestError where there is no such feature set, or `without` names a column that is not in it.
        """
        names = model.features if isinstance(model.features, list) else self.feature_sets.get(model.features)
        if names is None:
            raise RequestError(
                f"feature set '{model.features}' is not in feature_sets: expected one of {', '.join(self.feature_sets)}"
            )
        for name in model.without:
            if name not in names:
                raise RequestError(f"without: '{name}' is not among the model's features{nearest(name, names)}")
        return [name for name in names if name not in model.without]
