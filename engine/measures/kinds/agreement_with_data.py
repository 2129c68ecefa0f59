"""Compare simulation with data: distributions of columns and scores in regions, their ratio, χ² and distance."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import hist
import numpy as np
from pydantic import Field

from lineshape.engine.core import statistics
from lineshape.engine.core.columns import Column
from lineshape.engine.core.contents import Contents
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.row_selection import Blind, Condition, meeting
from lineshape.engine.core.settings import Names
from lineshape.engine.measures.binning import Binning
from lineshape.engine.measures.measure import ColumnMetadata, Figure, Measure, Measured, Objects, by_group, group_axis
from lineshape.engine.measures.plots import DATA, SIMULATION, Plot, Series

#: Name of the model's score among the variables.
SCORE: Final = "score"
#: Entries that are expected in a bin, below which χ² leaves it out.
_FEW: Final = 5


class AgreementWithData(Measure):
    """Distributions of data over those of simulation, in regions: stacked, with ratios, χ² and Kolmogorov's distance.

    Objects are those of the test split, of data as of simulation.
    """

    truth: Literal[""] = ""
    """Nothing: data have none."""
    variables: Annotated[dict[str, Binning], Field(min_length=1)]
    """Columns that are compared, with their bins; `score` is the model's."""
    regions: dict[str, dict[str, Condition]] = {}
    """Regions, by name: in a job file a list of names of its `regions`; empty: all rows."""
    blind: dict[str, Blind] = {}
    """Scores that are not looked at, of each region of the job that is blind: their rows are in no distribution."""
    hidden: dict[str, dict[str, Condition]] = {}
    """Conditions of these regions; a job file leaves it out."""
    data: Names = []
    """Samples of data; empty: those with `data: true`."""
    simulation: Names = []
    """Samples of simulation, the first at the bottom of the stack; empty: all others."""
    normalise: Literal["absolute", "shape"] = "absolute"
    """Size of the simulation: by its weights, or that of data."""
    title: str = "Data and simulation"
    """Heading of the measure's tables and plots in the report."""

    of_all_samples: ClassVar[bool] = True
    unvaried: ClassVar[str] = r"chi2_.+|kolmogorov_.+"
    figure_words: ClassVar[Mapping[str, str]] = {
        r"data_over_simulation_(.+)": r"data over simulation, \1",
        r"chi2_systematic_(.+)": r"χ² per degree of freedom with systematic uncertainties, \1",
        r"chi2_uncorrelated_(.+)": r"the same without their correlations, \1",
        r"chi2_(.+)": r"χ² per degree of freedom, \1",
        r"kolmogorov_(.+)": r"Kolmogorov's distance, \1",
    }

    @property
    def headline(self) -> dict[str, str]:
        """Headings of the ratio and χ² of each distribution."""
        found: dict[str, str] = {}
        for tag, _, _ in self._distributions():
            found |= {f"data / simulation, {tag}": f"data_over_simulation_{tag}", f"χ², {tag}": f"chi2_{tag}"}
        return found

    @property
    def lacking(self) -> str:
        """Reason why there may be no row."""
        return "there are no data"

    @property
    def note(self) -> str:
        """Explanation of what is blinded."""
        told = [f"{name}: {blind.words}" for name, blind in self.blind.items()]
        return f"Not looked at are scores of {'; '.join(told)}, in data and in simulation." if told else ""

    def columns(self) -> list[str]:
        """Return the columns that are compared, and those of regions."""
        every = [*self.regions.values(), *self.hidden.values()]
        named = [name for where in every for name in where]
        return list(dict.fromkeys([*(name for name in self.variables if name != SCORE), *named]))

    def not_columns(self) -> list[str]:
        """Return the name of the score."""
        return [SCORE]

    def named_samples(self) -> list[str]:
        """Return the samples that the settings name."""
        return [*self.samples, *self.data, *self.simulation]

    def _distributions(self) -> Iterator[tuple[str, str, str]]:
        """Yield the ending of figures, the variable and the region of each distribution."""
        for variable in self.variables:
            for region in self.regions or [""]:
                yield (f"{variable}_{region}" if region else variable), variable, region

    def empty(self, column_metadata: ColumnMetadata) -> Histograms:
        """Return for each variable and region a histogram of its values by sample."""
        sample = hist.axis.StrCategory([*self.data, *self.simulation], name="of")
        found = {}
        for tag, variable, _ in self._distributions():
            metadata = column_metadata.get(variable, Column("Score", "", 0, 1))
            axis = self.variables[variable].axis(metadata.axis().label, "x")
            found[tag] = hist.Hist(sample, axis, group_axis(), storage=self.storage(column_metadata))
        return found

    def fill(self, histograms: Histograms, objects: Objects) -> None:
        """Add the objects of a sample that is compared."""
        if objects.sample not in {*self.data, *self.simulation}:
            return
        score = objects.prediction.estimate
        number = len(score)
        shown = np.ones(number, dtype=bool)
        for name, where in self.hidden.items():
            shown &= self.blind[name].shows(score) | ~meeting(where, objects.columns, number)
        chosen = {
            name: meeting(self.regions.get(name, {}), objects.columns, number) & shown for name in self.regions or [""]
        }
        for tag, variable, region in self._distributions():
            values = score if variable == SCORE else objects.columns[variable]
            kept = chosen[region] & np.isfinite(values)
            names = np.full(int(kept.sum()), objects.sample)
            objects.chosen(kept).fill(histograms[tag], names, values[kept])

    def _contents(self, histogram: hist.Hist[Any]) -> tuple[Contents, list[Contents]]:
        """Return the contents (groups, bins) of data, and of each sample of simulation."""
        contents = by_group(histogram)
        names = [*histogram.axes[0]]
        data = [contents[:, names.index(name), 1:-1] for name in self.data]
        values = sum(each.values for each in data)
        squares = sum(each.squares for each in data)
        both = Contents(np.asarray(values), np.asarray(squares))
        return both, [contents[:, names.index(name), 1:-1] for name in self.simulation]

    def figures(self, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
        """Return ratio, χ² and Kolmogorov's distance of each distribution; none without data."""
        found = []
        for tag, _, _ in self._distributions():
            if tag not in histograms:
                continue
            data, parts = self._contents(histograms[tag])
            simulated = sum(part.values for part in parts)
            entries = int(data.entries())
            if not entries or not np.any(simulated):
                continue
            both = np.stack([data.values, np.asarray(simulated)], axis=1)
            ratio, error = statistics.jackknife(both, lambda c: c[:, 0].sum(axis=-1) / c[:, 1].sum(axis=-1))
            found.append(Figure(f"data_over_simulation_{tag}", float(ratio), float(error), "", entries))
            chi2, degrees = _chi2(data, parts, self.normalise == "shape")
            if degrees > 0:
                found.append(Figure(f"chi2_{tag}", chi2 / degrees, float(np.sqrt(2 / degrees)), "", entries))
            distance, error = statistics.jackknife(both, _kolmogorov)
            found.append(Figure(f"kolmogorov_{tag}", float(distance), float(error), "", entries))
        return found

    def plots(self, measured: Measured) -> list[Plot]:
        """Return for each model and distribution a stack of simulation with data over it, and their ratio."""
        plots = []
        for model, histograms in measured.histograms.items():
            for tag, variable, region in self._distributions():
                if tag not in histograms:
                    continue
                data, parts = self._contents(histograms[tag])
                if not data.total or not parts:
                    continue
                axis = histograms[tag].axes[1]
                label = measured.labels[model]
                where = f", {region}" if region else ""
                blind = f" {self.note}" if self.blind else ""
                sized = "scaled to data" if self.normalise == "shape" else "by its weights"
                plots.append(
                    Plot(
                        f"data_{tag}_{model}",
                        self.title,
                        f"{axis.label if variable != SCORE else f'Score of {label}'}{where}: data, and simulation "
                        f"{sized}, with a band of its statistical and systematic uncertainty; test split.{blind}",
                        axis.label if variable != SCORE else f"Score, {label}",
                        "Objects",
                        self._series(np.asarray(axis.edges), data, parts),
                        ratio_to=SIMULATION,
                        compares=(model, tag),
                    )
                )
        return plots

    def _series(self, edges: Any, data: Contents, parts: list[Contents]) -> list[Series]:
        values = [part.values.sum(axis=0) for part in parts]
        squares = [part.squares.sum(axis=0) for part in parts]
        size = float(data.values.sum() / np.sum(values)) if self.normalise == "shape" and np.sum(values) else 1.0
        total, error = size * np.sum(values, axis=0), size * np.sqrt(np.sum(squares, axis=0))
        stack = np.cumsum(values, axis=0) * size
        layers = [
            Series(name, name, edges, stack[number], None, "steps", filled=True)
            for number, name in reversed([*enumerate(self.simulation)])
        ]
        seen = data.values.sum(axis=0)
        # Nothing stands where there can be nothing, as in the bins of scores that are not looked at.
        seen = np.where((seen == 0) & (total == 0), np.nan, seen)
        observed = Series(DATA, "Data", edges, seen, data.errors(), "points")
        return [*layers, Series(SIMULATION, "Simulation", edges, total, error, "steps"), observed]


def _kolmogorov(both: Any) -> Any:
    """Return the largest distance of the distribution functions of (samples, 2, bins)."""
    share = np.cumsum(both, axis=-1) / both.sum(axis=-1, keepdims=True)
    return np.abs(share[:, 0] - share[:, 1]).max(axis=-1)


def _chi2(data: Contents, parts: list[Contents], shape: bool) -> tuple[float, int]:
    """Return χ² with statistical uncertainties alone, and its degrees of freedom."""
    observed = data.values.sum(axis=0)
    expected = np.sum([part.values.sum(axis=0) for part in parts], axis=0)
    squares = np.sum([part.squares.sum(axis=0) for part in parts], axis=0)
    size = observed.sum() / expected.sum() if shape else 1.0
    used = size * expected >= _FEW
    # The variance of data is expected, as few that are seen are too certain.
    variance = (data.unit * size * expected + size**2 * squares)[used]
    return float((((observed - size * expected)[used]) ** 2 / variance).sum()), int(used.sum()) - int(shape)
