"""Fill templates for a fit: a score or column of each sample in fine bins, by region, on validation and test."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

import hist
import numpy as np
from pydantic import Field, model_validator

from lineshape.engine.core.equal_bins import require_range, within_range
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.row_selection import Blind, Condition, are_disjoint, meeting
from lineshape.engine.core.settings import Names, Settings
from lineshape.engine.core.split import SplitName
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, group_axis
from lineshape.engine.measures.plots import Plot

#: Name of the region of all rows, where a measure has none.
EVERYWHERE: Final = "all"
_SPLITS: Final[tuple[SplitName, ...]] = ("validation", "test")


class BinningRule(Settings):
    """The rule that bins are chosen by: the highest expected significance on validation, under floors."""

    entries: Annotated[float, Field(ge=0)] = 10.0
    """Fewest background entries in a bin, effective ones where they are weighted."""
    error: Annotated[float, Field(gt=0)] = 0.2
    """Largest relative statistical uncertainty of the background in a bin."""
    most: Annotated[int, Field(gt=0)] = 10
    """Largest number of bins in a region."""
    gain: Annotated[float, Field(ge=0)] = 0.01
    """Relative gain in significance that another bin must bring."""


class Template(Measure):
    """Templates of a model's score, or of a column, for a fit; `lineshape templates` writes them.

    They are filled on the test split, and scaled to the whole of each sample.
    """

    truth: Literal[""] = ""
    """Nothing: templates are of samples."""
    column: str = ""
    """Column of the feature store; empty: the model's score."""
    low: float = 0.0
    """Lower edge; what is below counts in the first bin. The default suits a probability."""
    high: float = 1.0
    """Upper edge; what is above counts in the last bin."""
    bins: Annotated[int, Field(gt=0)] = 1000
    """Number of fine bins, whose edges those of the templates are chosen from."""
    edges: list[float] = []
    """Edges of the templates, from `low` to `high`, each an edge of a fine bin; empty: chosen by `rule`."""
    rule: BinningRule = BinningRule()
    """Rule that edges are chosen by."""
    regions: dict[str, dict[str, Condition]] = {}
    """Regions, by name, each a channel of the fit: in a job file a list of names of its `regions`; empty: all rows."""
    blind: dict[str, Blind] = {}
    """Scores that are not looked at, of regions of the job that are blind: nothing is observed where they may be."""
    hidden: dict[str, dict[str, Condition]] = {}
    """Conditions of these regions; a job file leaves it out."""
    signal: Annotated[Names, Field(min_length=1)]
    """Samples whose size is measured: the parameter of interest, `mu`, multiplies them."""
    data: Names = []
    """Samples that are observed; empty: none, and the expectation takes their place."""
    luminosity_error: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Relative uncertainty of the luminosity, for all samples but data; 0: none."""

    splits: ClassVar[tuple[SplitName, ...]] = _SPLITS
    gives_figures: ClassVar[bool] = False

    @model_validator(mode="after")
    def _has_a_range(self) -> Self:
        require_range(self.low, self.high)
        if len(self.edges) == 1 or any(b <= a for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("edges: expected rising numbers, two or more")
        if self.edges and (self.edges[0], self.edges[-1]) != (self.low, self.high):
            raise ValueError(
                f"edges: what is beyond them would count in the outer bins: expected {self.low:g} and {self.high:g} at "
                "the ends, as low and high"
            )
        fine = np.linspace(self.low, self.high, self.bins + 1)
        for edge in self.edges:
            if np.abs(fine - edge).min() > 1e-6 * (self.high - self.low) / self.bins:
                near = fine[np.abs(fine - edge).argmin()]
                raise ValueError(f"edges: {edge:g} is no edge of a fine bin: expected {near:.10g}, or other 'bins'")
        if twice := [each for each in self.signal if each in self.data]:
            raise ValueError(f"signal: '{twice[0]}' is among the data")
        return self

    @property
    def channels(self) -> list[str]:
        """Names of the regions."""
        return [*self.regions] or [EVERYWHERE]

    def is_observed(self, region: str) -> bool:
        """Return whether data of a region may be looked at: that none of them can be in a region that is blind."""
        own = self.regions.get(region, {})
        return bool(self.data) and all(are_disjoint(own, where) for where in self.hidden.values())

    def columns(self) -> list[str]:
        """Return the columns of regions, and that of the templates."""
        named = [name for where in self.regions.values() for name in where]
        return list(dict.fromkeys([*named, *([self.column] if self.column else [])]))

    def filled_splits(self) -> tuple[SplitName, ...]:
        """Return validation, which bins are chosen on, and test; of data, which no model learns from, all events."""
        return ("training", *_SPLITS) if self.data else _SPLITS

    def named_samples(self) -> list[str]:
        """Return the samples that the settings name."""
        return [*self.samples, *self.signal, *self.data]

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return histograms of the values by split and region, and of all rows by split and whether they have one."""
        storage = self.storage(column_metadata)
        split = hist.axis.StrCategory(self.filled_splits(), name="split")
        found = hist.axis.Integer(0, 2, name="found", flow=False)
        value = hist.axis.Regular(self.bins, self.low, self.high, name="value", label=self.column or "Score")
        values = {
            f"values_{number}": hist.Hist(split, value, group_axis(), storage=storage)
            for number, _ in enumerate(self.channels)
        }
        return values | {"rows": hist.Hist(split, found, group_axis(), storage=storage)}

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects of each region."""
        value = objects.columns[self.column] if self.column else objects.prediction.estimate
        good = np.isfinite(value)
        split = np.full(len(value), objects.split)
        objects.chosen(np.ones(len(value), dtype=bool)).fill(histograms["rows"], split, good.astype(int))
        inside = within_range(value, self.low, self.high, self.bins)
        for number, where in enumerate(self.regions.values() if self.regions else [{}]):
            chosen = good & meeting(where, objects.columns, len(value))
            objects.chosen(chosen).fill(histograms[f"values_{number}"], split[chosen], inside[chosen])

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return none: signal and background are in different samples."""
        return []

    def plots(self, measured: Measured) -> list[Plot]:
        """Return none: `lineshape templates` shows them."""
        return []

    def region(self, name: str, histograms: Mapping[str, hist.Hist[Any]], split: SplitName) -> hist.Hist[Any]:
        """Return the histogram (value, group) of a region on a split."""
        found: Any = histograms[f"values_{self.channels.index(name)}"][hist.loc(split), :, :]
        return found  # type: ignore[no-any-return]
