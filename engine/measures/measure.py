"""Define the base class of measures and what they are filled with and return."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Final, Literal

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.contents import Contents, is_weighted
from lineshape.engine.core.errors import RunError, calling
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.role import Role
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.split import SplitName, Target
from lineshape.engine.core.statistics import GROUPS
from lineshape.engine.learning.bundles import model_of
from lineshape.engine.learning.prediction import Prediction
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.measures.figure_names import in_words
from lineshape.engine.measures.plots import Plot

ColumnMetadata = Mapping[str, Column]
#: Direction in which a figure is better.
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class ChosenObjects:
    """Groups of the jackknife and weights (None: 1 each) of objects that are filled into histograms."""

    group: NDArray[np.int64]
    weight: NDArray[np.float64] | None

    def fill(self, histogram: hist.Hist[Any], *values: Any) -> None:
        """Add the objects to a histogram, with their values on the axes before that of the groups."""
        histogram.fill(*values, self.group, weight=self.weight if is_weighted(histogram) else None)

    def only(self, chosen: NDArray[Any]) -> "ChosenObjects":
        """Return some of them, by a mask or by their places."""
        return ChosenObjects(self.group[chosen], None if self.weight is None else self.weight[chosen])

    def times(self, factor: NDArray[np.float64] | None) -> "ChosenObjects":
        """Return the same with weights that are multiplied by a factor, where there are weights."""
        return self if self.weight is None or factor is None else ChosenObjects(self.group, self.weight * factor)


@dataclass(frozen=True)
class Objects:
    """Objects of one shard and one model's predictions for them; all arrays have the same length.

    group: groups of the jackknife. split: the split that the objects belong to. predict: the model, to predict from
    other columns. calibration: what the measure's `calibrate` found on the validation split. log_density_ratio: the
    logarithm of the joint density of estimates and values of the target over the product of their densities, for models
    that have one. weight: of each object; None where all count the same. sample:
    that all are of.
    """

    columns: Mapping[str, NDArray[Any]]
    prediction: Prediction
    group: NDArray[np.int64]
    split: SplitName = "test"
    predict: Callable[[Mapping[str, Any]], Prediction] | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    log_density_ratio: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None
    weight: NDArray[np.float64] | None = None
    sample: str = ""

    def chosen(self, chosen: NDArray[Any]) -> "ChosenObjects":
        """Return what histograms need of some of the objects, by a mask or by their places, beside their values."""
        return ChosenObjects(self.group, self.weight).only(chosen)


@dataclass(frozen=True)
class Figure:
    """A figure of merit with its statistical uncertainty.

    by, low, high: the column and the bin that the figure is of. For an inclusive figure `by` is empty, and low and high
    are None, or the range of the bins that it is a mean over. entries: number of objects that it was read off, of
    weighted ones the effective number, (Σw)²/Σw². remark: the bins of the mean, where some are left out. shown: the
    unit that tables show it in, where it differs from `unit`: "%" for a fraction, as most widths are.
    """

    figure: str
    value: float
    uncertainty: float
    unit: str
    entries: int
    by: str = ""
    low: float | None = None
    high: float | None = None
    remark: str = ""
    shown: Literal["", "%"] = ""


@dataclass(frozen=True)
class Measured:
    """All models measured on one sample: their histograms and labels by model, and the baseline's name.

    label: the sample's label.
    """

    sample: str
    histograms: Mapping[str, Histograms]
    labels: Mapping[str, str]
    baseline: str
    column_metadata: ColumnMetadata
    label: str = ""


#: Methods of a measure, and what each does: where a user's own code fails, the message says it.
_ASKED: dict[str, str] = {
    "require_models": "checking the models",
    "columns": "naming its columns",
    "filled_splits": "naming splits",
    "not_columns": "naming words that are no columns",
    "reference": "choosing its reference sample",
    "calibration_settings": "naming the settings of its calibration",
    "named_samples": "naming its samples",
    "in_words": "naming a figure in words",
    "is_of": "choosing models and samples",
    "is_of_model": "choosing models",
    "calibrate": "looking at the validation split",
    "empty": "making empty histograms",
    "storage": "choosing how its histograms count",
    "fill": "filling histograms",
    "figures": "reading figures off histograms",
    "plots": "plotting histograms",
    "plots_across": "plotting several samples",
}
#: Methods that return nothing.
_SILENT = {"require_models", "fill"}


def _told(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a method of a measure so that its errors name the measure, what it was doing, and the place in its code.

    The wrapped method raises RunError where it returns None and should not.
    """

    @wraps(method)
    def asked(measure: "Measure", *arguments: Any, **named: Any) -> Any:
        what = f"measure {measure.told_of}, {_ASKED[name]},"
        with calling(what):
            found = method(measure, *arguments, **named)
        if found is None and name not in _SILENT:
            raise RunError(f"{what} returned nothing: {type(measure).__name__}.{name} lacks a 'return'")
        return found

    return asked


class Measure(Settings, ABC):
    """A kind of measure: it fills histograms with a model's predictions and reads figures and plots off them."""

    truth: str
    """Column of the truth: by kind, the quantity that estimates are compared with, the class number or a parameter."""
    title: str = ""
    """Heading of the measure's tables and plots in the report; empty for the measure's name in the tables."""
    models: Names = []
    """Models that are measured, by name; empty for all."""
    samples: Names = []
    """Samples that are measured, by name; empty for all."""
    weighted: bool = True
    """Whether objects count with the job's weight, where there is one; false: each counts once."""
    against: Names = []
    """Models, besides the baseline, that figures are compared with in kinds that compare models; empty for none."""

    #: Splits whose objects fill the histograms; the training split beside the test split shows overfitting.
    splits: ClassVar[tuple[SplitName, ...]] = ("test",)
    #: Whether it is of all samples together, such as data and simulation.
    of_all_samples: ClassVar[bool] = False
    #: Whether it has figures, and not histograms alone.
    gives_figures: ClassVar[bool] = True
    #: Whether `calibrate` is to be called.
    calibrates: ClassVar[bool] = False
    #: Figures relative to the baseline (ratios or differences) that decide which of two models is better, and the
    #: direction that is better; the default first.
    better: ClassVar[Mapping[str, Better]] = {}
    #: Regular expression of figures that have no systematic uncertainty, as it is in them: χ²; empty: none.
    unvaried: ClassVar[str] = ""
    #: Words of its figures, by regular expressions of their names; see `in_words`.
    figure_words: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in _ASKED.keys() & vars(cls).keys():
            setattr(cls, name, _told(name, vars(cls)[name]))

    @property
    def told_of(self) -> str:
        """Name of the measure in the job file, and its class, for messages."""
        return f"{self._place.removeprefix('measures.')} ({type(self).__name__})".strip()

    @property
    def note(self) -> str:
        """Explanation that readers of the tables need, in a sentence or two; empty for none."""
        return ""

    @property
    def headline(self) -> dict[str, str]:
        """Headings of the table that sums up the measure, and the figure of each; empty for no such table."""
        return {}

    @property
    def lacking(self) -> str:
        """Reason why a sample that is measured may have no row in the table that sums up the measure."""
        return "no object has both an estimate and a true value"

    def in_words(self, figure: str) -> str:
        """Return the name of one of its figures in words."""
        return in_words(figure, self.figure_words)

    def is_of_model(self, name: str) -> bool:
        """Return whether a model, or one of its trainings, is measured."""
        return not self.models or model_of(name) in self.models

    def is_of(self, model: str, sample: str) -> bool:
        """Return whether a model, or one of its trainings, is measured on a sample."""
        return self.is_of_model(model) and sample in (self.samples or [sample])

    def require_models(self, models: Mapping[str, Model], target: Target) -> None:
        """Raise RequestError where one of a job's models cannot be measured; target is the job's."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Return the columns of the feature store that filling needs."""

    def filled_splits(self) -> tuple[SplitName, ...]:
        """Return the splits whose objects it is filled with."""
        return self.splits

    def not_columns(self) -> list[str]:
        """Return names with another meaning where the settings expect a column: no column may have them."""
        return []

    def reference(self, samples: Sequence[str]) -> str:
        """Return the sample, of these, whose validation split `calibrate` is given: the first."""
        return samples[0]

    def calibration_settings(self) -> dict[str, Any]:
        """Return the settings that the result of `calibrate` depends on."""
        return self.model_dump(mode="json")

    def named_samples(self) -> list[str]:
        """Return the samples that the settings name."""
        return self.samples

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Find what must be known of a model before it is measured, and return it; it is saved with the bundle as JSON.

        objects: the validation split of the reference sample, shard by shard.
        """
        return {}

    @abstractmethod
    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return empty histograms with this `storage`, whose last axis is `group`."""

    def storage(self, column_metadata: ColumnMetadata) -> hist.storage.Storage:
        """Return the storage of its histograms: of counts, or of weights where objects have them."""
        weighted = self.weighted and EVENT_WEIGHT in column_metadata
        return hist.storage.Weight() if weighted else hist.storage.Int64()

    @abstractmethod
    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add objects to the histograms; add nothing for a model that does not give what the measure needs."""

    @abstractmethod
    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return the figures of one model; none where nothing was filled.

        references: histograms of other models on the same objects: the baseline under BASELINE, and those of `against`.
        """

    @abstractmethod
    def plots(self, measured: Measured) -> list[Plot]:
        """Return the plots of all models on one sample."""

    def plots_across(self, measured: Sequence[Measured]) -> list[Plot]:
        """Return plots that compare several samples; the keys of their curves are the samples' names."""
        return []


#: Measures, by kind.
MEASURES: Final = Role("measure", "lineshape.engine.measures.kinds", Measure, "measures.*")


#: Key of the baseline among the references of figures.
BASELINE = "baseline"


def group_axis() -> hist.axis.Integer:
    """Return the axis of the jackknife's groups."""
    return hist.axis.Integer(0, GROUPS, name="group", flow=False)


def by_group(histogram: hist.Hist[Any]) -> Contents:
    """Return the contents with flow bins, the group axis first."""
    return Contents.of(histogram)
