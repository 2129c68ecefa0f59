"""Read the figures of tagging off its histograms."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import hist
import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents, stacked
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.binning import covered
from lineshape.engine.measures.measure import Figure, by_group
from lineshape.engine.measures.scores import Classes, area, background_at, efficiency_of, rejection, share_passed

Floats = NDArray[np.float64]

#: Number of objects below which a bin is left out of means over bins, and a cell out of the figures of a plane: with
#: fewer, the mean of 1/efficiency would be too large at an efficiency of a few per cent.
FEW: Final = 400
#: Standard deviations from 0.5 within which an AUC is said to be that of chance.
_SIGMAS: Final = 2.0


def areas(told: Classes, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
    """Return the AUC of the signal against all other classes and against each, alone and minus the references'."""

    def pair(of: Histograms, names: list[str]) -> Contents:
        return stacked(told.scores(of["roc"], told.signal), told.scores(of["roc"], *names))

    found = []
    against = {"": told.backgrounds} | {f"_{name}": [name] for name in told.backgrounds}
    for ending, names in against.items():
        counts = pair(histograms, names)
        if not counts.entries(0, 2).all():
            continue
        make = partial(_figure, unit="", entries=int(counts.entries(0, 2).sum()))
        alone = make(f"auc{ending}", statistics.jackknife(counts.values, lambda c: area(c[:, 0], c[:, 1])))
        chance = not ending and abs(alone.value - 0.5) < _SIGMAS * alone.uncertainty
        found.append(replace(alone, remark="no better than chance" if chance else ""))
        for key, reference in references.items():
            others = pair(reference, names)
            both = np.concatenate([counts.values, others.values], axis=1)
            # A difference on different objects would not compare the models.
            if counts.same_as(others, -1).all():
                gain = statistics.jackknife(both, lambda c: area(c[:, 0], c[:, 1]) - area(c[:, 2], c[:, 3]))
                found.append(make(f"auc{ending}_minus_{key}", gain))
    return found


def at_one_threshold(told: Classes, histograms: Histograms, share: float) -> list[Figure]:
    """Return the efficiency of each other class at the one threshold that this share of the signal passes."""
    found = []
    signal = told.scores(histograms["roc"], told.signal)
    for name in told.backgrounds:
        background = told.scores(histograms["roc"], name)
        if signal.entries() and background.entries():
            pair = stacked(signal, background).values
            result = statistics.jackknife(pair, lambda c: background_at(c[:, 0], c[:, 1], share))
            found.append(_figure(f"{name}_at_{100 * share:.0f}", result, "%", int(background.entries())))
    return found


def means(told: Classes, point: str, histograms: Histograms, references: Mapping[str, Histograms]) -> list[Figure]:
    """Return efficiencies at the thresholds, of all objects and as means over bins, and mean rejections.

    There is one of each for each class, and for all classes but the signal together as `background`; the signal has no
    rejection. Rejections are also given over the references'.
    """
    found: list[Figure] = []
    labels = {name: [name] for name in told.names} | {"background": told.backgrounds}
    for label, names in labels.items():
        counts = told.passed(histograms[point], *names, open_end=True)
        if not counts.entries():
            continue
        make = partial(_figure, entries=int(counts.entries()))
        result = statistics.jackknife(counts.values, lambda c: share_passed(c.sum(axis=1)))
        found.append(make(f"efficiency_{label}", result, unit="%"))
        entries = counts.entries(0, 2)
        filled = entries >= FEW
        if not filled.any():
            continue
        mean, rejected = partial(_mean, histograms[point].axes[0], entries), partial(rejection, unit=counts.unit)
        result = statistics.jackknife(counts.values[:, filled], lambda c: share_passed(c).mean(axis=1))
        found.append(mean(filled, f"mean_efficiency_{label}", result, "%"))
        if label == told.signal:
            continue
        result = statistics.jackknife(counts.values[:, filled], rejected)
        found.append(mean(filled, f"mean_rejection_{label}", result, ""))
        for key, reference in references.items():
            other = told.passed(reference[point], *names, open_end=True)
            shared = filled & counts.same_as(other, 2).all(axis=0)
            if shared.any():
                both = stacked(counts[:, shared], other[:, shared]).values
                result = statistics.jackknife(both, _over(rejected))
                found.append(mean(shared, f"mean_rejection_{label}_over_{key}", result, ""))
    return found


def binned(told: Classes, name: str, histogram: hist.Hist[Any], open_end: bool) -> Iterator[Figure]:
    """Yield the efficiency of each class in each bin of a column."""
    edges = histogram.axes[0].edges
    for label in told.names:
        counts = told.passed(histogram, label, open_end=open_end)
        value, error = efficiency_of(counts)
        entries = counts.entries(0, 2)
        for i in np.flatnonzero(entries):
            figure = _figure(f"efficiency_{label}", (value[i], error[i]), "%", int(entries[i]))
            yield Figure(**vars(figure) | {"by": name, "low": float(edges[i]), "high": float(edges[i + 1])})


def over_plane(told: Classes, name: str, histogram: hist.Hist[Any]) -> Iterator[Figure]:
    """Yield the signal's lowest and highest efficiency in the cells of a plane, and their non-statistical spread."""
    cells = plane_of(told, histogram)
    value, error = efficiency_of(cells.map(lambda counts: counts.reshape(len(counts), -1, 2)))
    entries = cells.entries(0, -1).ravel()
    good = entries >= FEW
    if good.sum() < 2:
        return
    value, error, total = value[good], error[good], int(entries[good].sum())
    for which, i in {"lowest": value.argmin(), "highest": value.argmax()}.items():
        yield _figure(f"{name}_{which}", (value[i], error[i]), "%", total)
    variance = float(value.var(ddof=1))
    beyond = float(np.sqrt(max(variance - (error**2).mean(), 0)))
    # The relative uncertainty of a variance is √(2/(n − 1)), that of its root half of it; here of the part beyond.
    uncertainty = variance / np.sqrt(2 * (len(value) - 1)) / max(beyond, np.sqrt(variance) / 2)
    yield _figure(f"{name}_spread", (beyond, uncertainty), "%", total)


def plane_of(told: Classes, histogram: hist.Hist[Any]) -> Contents:
    """Return the signal's contents (groups, x, y, 2), failed and passed."""
    return by_group(histogram)[:, 1:-1, 1:-1, 1 + told.names.index(told.signal)]


def _over(read: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Return a function that maps (samples, 2, ...) to a figure of the first over that of the second."""
    return lambda counts: read(counts[:, 0]) / read(counts[:, 1])


def _mean(axis: Any, entries: Floats, used: NDArray[np.bool_], name: str, result: tuple[Any, Any], unit: str) -> Figure:
    """Return a mean over bins, with a remark where some are not used."""
    bins = covered(axis, used)
    return replace(_figure(name, result, unit, int(entries[used].sum())), remark=f"means {bins}" if bins else "")


def _figure(name: str, result: tuple[Any, Any], unit: str, entries: int) -> Figure:
    scale = 100.0 if unit == "%" else 1.0
    return Figure(name, scale * float(result[0]), scale * float(result[1]), unit, entries)
