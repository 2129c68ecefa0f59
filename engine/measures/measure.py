"""What a measure is: performance histograms, how they are filled, and the figures and plots read off them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.bundles import Prediction
from lineshape.engine.columns import Column
from lineshape.engine.histograms import Histograms
from lineshape.engine.report.plots import Plot
from lineshape.engine.settings import Settings
from lineshape.engine.statistics import GROUPS

Meanings = Mapping[str, Column]


@dataclass(frozen=True)
class Objects:
    """Objects of one shard and what one model says of them; arrays of one length. group: of the jackknife."""

    columns: Mapping[str, NDArray[Any]]
    prediction: Prediction
    group: NDArray[np.int64]


@dataclass(frozen=True)
class Figure:
    """A figure of merit with its statistical uncertainty.

    by, low, high: the bin that it is of, empty and None where it is inclusive. entries: objects it was read off.
    """

    figure: str
    value: float
    uncertainty: float
    unit: str
    entries: int
    by: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Measured:
    """All models measured on one sample: histograms by model, their labels, and the baseline's name."""

    sample: str
    histograms: Mapping[str, Histograms]
    labels: Mapping[str, str]
    baseline: str
    meanings: Meanings


class Measure(Settings, ABC):
    """A kind of measure. truth: the column that estimates are held against."""

    truth: str

    @abstractmethod
    def columns(self) -> list[str]:
        """Columns of the feature store that filling needs."""

    @abstractmethod
    def empty(self, meanings: Meanings) -> Histograms:
        """Histograms of whole numbers with nothing in them; `group` is their last axis."""

    @abstractmethod
    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add objects to the histograms; a model without what the measure is of adds nothing."""

    @abstractmethod
    def figures(self, histograms: Histograms, baseline: Histograms) -> list[Figure]:
        """Figures of one model; none where nothing was filled. baseline: of the baseline on the same objects."""

    @abstractmethod
    def plots(self, measured: Measured) -> list[Plot]:
        """Plots of all models on one sample."""


def group_axis() -> hist.axis.Integer:
    """The axis of the jackknife's groups."""
    return hist.axis.Integer(0, GROUPS, name="group", flow=False)


def by_group(histogram: hist.Hist[Any]) -> NDArray[np.float64]:
    """Contents with flow bins, the group axis first."""
    return np.moveaxis(np.asarray(histogram.values(flow=True), dtype=np.float64), -1, 0)
