"""Collect the templates of a measure: yields of each sample by region, with their variations and uncertainties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.contents import is_weighted
from lineshape.engine.core.errors import RequestError, listing
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.core.split import SplitName
from lineshape.engine.fits.significance import asimov_squared, chosen_edges, rebinning
from lineshape.engine.measures.kinds.template import Template

Floats = NDArray[np.float64]
#: Smallest yield of a bin: with less, a fit has no likelihood.
FLOOR: Final = 1e-3
#: Relative difference of shapes below which a variation is one of the rate alone.
_FLAT: Final = 1e-6


@dataclass(frozen=True)
class SampleTemplate:
    """Yields of a sample in the bins of a region.

    errors: statistical uncertainties. variations: yields up and down, by name of the parameter.
    """

    yields: Floats
    errors: Floats
    variations: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)

    def is_rate(self, name: str) -> bool:
        """Return whether a variation multiplies all bins that are filled by the same number."""
        filled = self.yields > FLOOR
        own = self.yields[filled]
        varied = (each[filled] for each in self.variations[name])
        return all(np.allclose(each / own, each.sum() / own.sum(), rtol=_FLAT) for each in varied)


@dataclass(frozen=True)
class FitChannel:
    """A region: its edges, the templates of its samples, and what was observed there; None: nothing."""

    name: str
    edges: Floats
    samples: dict[str, SampleTemplate]
    observed: Floats | None
    significance: float


@dataclass(frozen=True)
class Templates:
    """The templates of a measure of one model.

    signal: samples that the parameter of interest multiplies. luminosity_error: relative; 0: none. notes: on what was
    mended.
    """

    name: str
    channels: list[FitChannel]
    signal: Sequence[str]
    luminosity_error: float
    notes: list[str]

    @property
    def significance(self) -> float:
        """Expected significance of all channels, without systematic uncertainties."""
        return float(np.sqrt(sum(channel.significance**2 for channel in self.channels)))


@dataclass(frozen=True)
class SampleHistograms:
    """Histograms of a sample for a measure and model, and by split the factor from that to the whole sample."""

    histograms: Histograms
    scales: Mapping[str, float]

    @classmethod
    def of(cls, histograms: Histograms, total: float) -> "SampleHistograms":
        """Return it for the sum of weights of all rows of the sample."""
        rows = histograms["rows"]
        parts = {split: float(_values(rows[hist.loc(split), :, :]).sum()) for split in rows.axes[0]}
        return cls(histograms, {split: total / part if part else 0.0 for split, part in parts.items()})

    def scale(self, split: SplitName) -> float:
        """Return the factor from a split to the whole sample."""
        return self.scales[split]

    def lost(self) -> float:
        """Return the share of the test split's rows that have no value."""
        rows = _values(self.histograms["rows"][hist.loc("test"), :, :]).sum(axis=-1)
        return float(rows[0] / rows.sum()) if rows.sum() else 0.0


def _values(histogram: Any) -> Floats:
    return np.asarray(histogram.values(flow=False), dtype=np.float64)


def _contents(measure: Template, region: str, sample: SampleHistograms, split: SplitName) -> tuple[Floats, Floats]:
    """Return sums of weights and of squared weights in fine bins, scaled to the whole sample."""
    found = measure.region(region, sample.histograms, split)
    values = _values(found).sum(axis=-1)
    squares = np.asarray(found.variances(flow=False)).sum(axis=-1) if is_weighted(found) else values
    factor = sample.scale(split)
    return values * factor, squares * factor**2


def collect(
    name: str,
    measure: Template,
    nominal: Mapping[str, SampleHistograms],
    varied: Mapping[str, Mapping[str, Mapping[str, SampleHistograms]]],
    whole: Sequence[SplitName],
) -> Templates:
    """Return the templates of a measure.

    nominal: by sample. varied: by parameter, direction and sample; of a direction that is missing the opposite of the
    other, bin by bin. whole: splits that together are all events, of which data are the sum.

    Raises RequestError where a sample is not there, or has rows without a value.
    """
    notes: list[str] = []
    for sample in [*measure.signal, *measure.data]:
        if sample not in nominal:
            raise RequestError(f"templates {name}: sample '{sample}' is not in the run: expected {listing(nominal)}")
    for sample, of in nominal.items():
        if sample in measure.data and measure.weighted and is_weighted(of.histograms["rows"]):
            rows = of.histograms["rows"]
            if not np.allclose(_values(rows), np.asarray(rows.variances(flow=False))):
                raise RequestError(
                    f"templates {name}: the rows of {sample}, which are data, have weights: expected 'data: true' or "
                    "'weighted: false' for the sample"
                )
        if lost := of.lost():
            raise RequestError(
                f"templates {name}: {lost:.1%} of the rows of {sample} have no value, as the model leaves them out: "
                "its templates would not be of the whole sample; use a model of all rows, or a region and a processor "
                "without them"
            )
    backgrounds = [sample for sample in nominal if sample not in measure.signal and sample not in measure.data]
    if not backgrounds:
        raise RequestError(f"templates {name}: all samples are signal or data: expected background, too")
    seen = [region for region in measure.channels if measure.is_observed(region)]
    if measure.data and (hidden := [region for region in measure.channels if region not in seen]):
        where = "; ".join(f"{each}, {blind.words}" for each, blind in measure.blind.items())
        told = "it is left out" if seen else "the expectation takes the place of data"
        notes.append(f"nothing is observed in {listing(hidden)}, which may be blind ({where}): {told}")
    # Of a fit to data only what was observed: an expectation beside it would count like data.
    channels = [
        _channel(name, region, measure, nominal, varied, backgrounds, whole, notes)
        for region in seen or measure.channels
    ]
    return Templates(name, channels, measure.signal, measure.luminosity_error, list(dict.fromkeys(notes)))


def _channel(
    name: str,
    region: str,
    measure: Template,
    nominal: Mapping[str, SampleHistograms],
    varied: Mapping[str, Mapping[str, Mapping[str, SampleHistograms]]],
    backgrounds: Sequence[str],
    whole: Sequence[SplitName],
    notes: list[str],
) -> FitChannel:
    fine = np.linspace(measure.low, measure.high, measure.bins + 1)
    edges = np.asarray(measure.edges, dtype=np.float64)
    if not len(edges):
        signal, _ = _summed(measure, region, nominal, measure.signal)
        background, squares = _summed(measure, region, nominal, backgrounds)
        edges, _ = chosen_edges(signal, background, squares, fine, measure.rule)
    rebin = rebinning(fine, edges)
    samples: dict[str, SampleTemplate] = {}
    for sample in [*measure.signal, *backgrounds]:
        values, squares = (rebin(each) for each in _contents(measure, region, nominal[sample], "test"))
        if not values.any():
            notes.append(f"{region}: sample {sample} has no entries, and is left out")
            continue
        own = _floored(values, f"{region}: sample {sample}", notes)
        variations = {
            parameter: _both(of, sample, measure, region, own, rebin, parameter, notes)
            for parameter, of in varied.items()
            if any(sample in each for each in of.values())
        }
        samples[sample] = SampleTemplate(own, np.sqrt(squares), variations)
    if not samples:
        raise RequestError(f"templates {name}: region {region} has no entries on the test split: leave it out")
    observed = None
    if measure.is_observed(region):
        observed = sum(
            (_observed(measure, region, nominal[each], whole) for each in measure.data), np.zeros(measure.bins)
        )
        observed = rebin(observed)
    s = sum((samples[each].yields for each in measure.signal if each in samples), np.zeros(len(edges) - 1))
    b = sum((samples[each].yields for each in backgrounds if each in samples), np.zeros(len(edges) - 1))
    return FitChannel(region, edges, samples, observed, float(np.sqrt(asimov_squared(s, b).sum())))


def _summed(
    measure: Template, region: str, nominal: Mapping[str, SampleHistograms], samples: Sequence[str]
) -> tuple[Floats, Floats]:
    """Return sums of weights and of their squares of samples in fine bins, on validation."""
    found = [_contents(measure, region, nominal[each], "validation") for each in samples]
    return np.sum([each[0] for each in found], axis=0), np.sum([each[1] for each in found], axis=0)


def _both(
    of: Mapping[str, Mapping[str, SampleHistograms]],
    sample: str,
    measure: Template,
    region: str,
    nominal: Floats,
    rebin: Any,
    parameter: str,
    notes: list[str],
) -> tuple[Floats, Floats]:
    """Return the yields up and down of a variation of a sample."""
    found: dict[str, Floats] = {}
    for direction, samples in of.items():
        if sample in samples:
            values = rebin(_contents(measure, region, samples[sample], "test")[0])
            found[direction] = _floored(values, f"{region}: {parameter} {direction} of {sample}", notes)
    if "down" not in found:
        mirrored = 2 * nominal - found["up"]
        floored = _floored(mirrored, f"{region}: {parameter} down of {sample}, mirrored,", notes)
        # Bins that were set to the floor must not add to the rate.
        found["down"] = floored * max(mirrored.sum() / floored.sum(), FLOOR)
    return found["up"], found["down"]


def _observed(measure: Template, region: str, sample: SampleHistograms, splits: Sequence[SplitName]) -> Floats:
    """Return the numbers of observed events in fine bins."""
    parts = [_values(measure.region(region, sample.histograms, split)).sum(axis=-1) for split in splits]
    return np.asarray(sum(parts))


def _floored(values: Floats, what: str, notes: list[str]) -> Floats:
    """Return yields of at least the floor; note what was below."""
    low = values < FLOOR
    if low.any():
        bins = f"bin {int(np.flatnonzero(low)[0]) + 1}" if low.sum() == 1 else f"{int(low.sum())} bins"
        notes.append(f"{what} is {'negative' if (values[low] < 0).any() else 'empty'} in {bins}: set to {FLOOR:g}")
    return np.where(low, FLOOR, values)
