"""What a measure is: performance histograms, how they are filled, and the figures and plots read off them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar, Literal

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.core.errors import RunError, calling
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.split import SplitName, Target
from lineshape.engine.core.statistics import GROUPS
from lineshape.engine.learning.bundles import Prediction
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.measures.plots import Plot

ColumnMetadata = Mapping[str, Column]
#: Which way a figure is better.
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Objects:
    """Objects of one shard and what one model says of them; arrays of one length.

    group: of the jackknife. split: that they are of. predict: the model, for other columns. calibration: what the
    measure's `calibrate` found on the validation split. log_density_ratio: the logarithm of the density of pairs of an
    estimate and of values of the target over that of independent ones, where the model knows of it.
    """

    columns: Mapping[str, NDArray[Any]]
    prediction: Prediction
    group: NDArray[np.int64]
    split: SplitName = "test"
    predict: Callable[[Mapping[str, Any]], Prediction] | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    log_density_ratio: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]] | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of merit with its statistical uncertainty.

    by, low, high: the bin that it is of. Where it is inclusive `by` is empty, and low and high are None, or what the
    bins cover that it is a mean over. entries: objects it was read off. remark: over which bins, if some are left out.
    shown: the unit that tables show it in where that is another one: "%" of a fraction, as most widths are read.
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
    """All models measured on one sample: histograms by model, their labels, and the baseline's name.

    label: of the sample.
    """

    sample: str
    histograms: Mapping[str, Histograms]
    labels: Mapping[str, str]
    baseline: str
    column_metadata: ColumnMetadata
    label: str = ""


#: What this program asks of a measure, and what it is doing then: where a user's own code fails, the message says it.
_ASKED: dict[str, str] = {
    "require_models": "checking the models",
    "columns": "naming its columns",
    "not_columns": "naming words that are no columns",
    "reference": "choosing its reference sample",
    "kept_by": "naming its settings",
    "named_samples": "naming its samples",
    "is_of": "choosing models and samples",
    "calibrate": "looking at the validation split",
    "empty": "making empty histograms",
    "fill": "filling histograms",
    "figures": "reading figures off histograms",
    "plots": "plotting histograms",
    "plots_across": "plotting several samples",
}
#: Those that return nothing.
_SILENT = {"require_models", "fill"}


def _told(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a measure that says which measure failed, doing what, and where in its code."""

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
    """A kind of measure.

    truth: the column that estimates are held against. title: heading in tables and the report. models, samples: that it
    is of, by default all. against: models beside the baseline that figures are also given over.
    """

    truth: str
    title: str = ""
    models: Names = []
    samples: Names = []
    against: Names = []

    #: Whose objects it is filled with; measured on the training split, a model shows what it learnt by heart.
    splits: ClassVar[tuple[SplitName, ...]] = ("test",)
    #: Whether `calibrate` finds something.
    calibrates: ClassVar[bool] = False
    #: Figures over the baseline's, or minus it, that tell which of two models is better, and which way; the usual one
    #: first.
    better: ClassVar[Mapping[str, Better]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in _ASKED.keys() & vars(cls).keys():
            setattr(cls, name, _told(name, vars(cls)[name]))

    @property
    def told_of(self) -> str:
        """Its name in the job file, and its class."""
        return f"{self._place.removeprefix('measures.')} ({type(self).__name__})".strip()

    @property
    def note(self) -> str:
        """What a reader of the tables must know, in a sentence or two."""
        return ""

    @property
    def headline(self) -> dict[str, str]:
        """Columns of the table that sums up the measure: heading and figure; none where it has no such table."""
        return {}

    @property
    def lacking(self) -> str:
        """Why a sample that it is of may be without what sums it up."""
        return "no object has both an estimate and a true value"

    def is_of(self, model: str, sample: str) -> bool:
        """Whether a model is measured on a sample."""
        return model in (self.models or [model]) and sample in (self.samples or [sample])

    def require_models(self, models: Mapping[str, Model], target: Target) -> None:
        """Raise RequestError where it cannot be of one of a job's models; target is that of most of them."""

    @abstractmethod
    def columns(self) -> list[str]:
        """Columns of the feature store that filling needs."""

    def not_columns(self) -> list[str]:
        """Names that mean something else where the settings ask for columns: a column may not be called so."""
        return []

    def reference(self, samples: Sequence[str]) -> str:
        """Of the samples there are, the one whose validation split `calibrate` looks at: the first."""
        return samples[0]

    def calibration_settings(self) -> dict[str, Any]:
        """The settings that what `calibrate` finds depends on."""
        return self.model_dump(mode="json")

    def named_samples(self) -> list[str]:
        """Samples that the settings name."""
        return self.samples

    def calibrate(self, objects: Iterable[Objects]) -> dict[str, Any]:
        """Return what is to be known of a model before it is measured, saved with its bundle as JSON.

        objects: of the reference sample's validation split, shard by shard.
        """
        return {}

    @abstractmethod
    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Histograms of whole numbers with nothing in them; `group` is their last axis."""

    @abstractmethod
    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add objects to the histograms; a model without what the measure is of adds nothing."""

    @abstractmethod
    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Figures of one model; none where nothing was filled.

        references: of other models on the same objects, the baseline under BASELINE and those of `against`.
        """

    @abstractmethod
    def plots(self, measured: Measured) -> list[Plot]:
        """Plots of all models on one sample."""

    def plots_across(self, measured: Sequence[Measured]) -> list[Plot]:
        """Plots with several samples in one; the keys of their curves are the samples'."""
        return []


#: Name of the baseline among the references of figures.
BASELINE = "baseline"


def group_axis() -> hist.axis.Integer:
    """The axis of the jackknife's groups."""
    return hist.axis.Integer(0, GROUPS, name="group", flow=False)


def by_group(histogram: hist.Hist[Any]) -> NDArray[np.float64]:
    """Contents with flow bins, the group axis first."""
    return np.moveaxis(np.asarray(histogram.values(flow=True), dtype=np.float64), -1, 0)
