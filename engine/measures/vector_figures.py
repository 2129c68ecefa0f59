"""Read figures off histograms of a vector's components along and across the true vector."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core import statistics
from lineshape.engine.core.contents import Contents, joined
from lineshape.engine.core.histograms import Histograms
from lineshape.engine.measures.measure import by_group

Floats = NDArray[np.float64]
#: From (samples, ..., all fine bins) to (samples, ...).
Read = Callable[[Floats], Floats]

#: Bin edges of lengths, in their unit: half a unit wide to 100, where widths are read off, and wider beyond.
POSITIVE: Final = np.concatenate([np.arange(0, 100, 0.5), np.arange(100, 200, 2), np.geomspace(200, 2000, 25)])
#: Bin edges of components.
SIGNED: Final = np.concatenate([-POSITIVE[:0:-1], POSITIVE])
#: Quantities that are histogrammed for each object, and their bin edges.
EDGES: Final = {"along": SIGNED, "across": SIGNED, "length": POSITIVE, "true": POSITIVE}


@dataclass(frozen=True)
class Quantity:
    """A figure in bins of a column.

    title: label for axes, in mathtext. plain: label for sentences, with u for the vector. ratio: whether it is compared
    between models by their ratio. reference, y_range: reference line and range of its plot.
    """

    title: str
    plain: str
    read: Read
    unit: str
    ratio: bool = False
    reference: float | None = None
    y_range: tuple[float, float] | None = None


def together(histograms: Histograms, by: str) -> Contents:
    """Return (groups, bins with flow, fine bins of all quantities with flow), the quantities one after the other."""
    return joined([by_group(histograms[f"{by}_{quantity}"]) for quantity in EDGES])


def _parts(counts: Floats) -> dict[str, Floats]:
    """Return the counts of each quantity, split from those of `together`."""
    places = np.cumsum([len(edges) + 1 for edges in EDGES.values()])[:-1]
    return dict(zip(EDGES, np.split(counts, places, axis=-1), strict=True))


def of_true(contents: Contents) -> Contents:
    """Return the contents of the true length, (groups, bins with flow, fine bins): every object is in one of them."""
    return contents.map(lambda counts: _parts(counts)["true"])


def entries_of(contents: Contents) -> Floats:
    """Return the number of objects in each bin, flow bins included."""
    return of_true(contents).entries(0, -1)


def _means(counts: Floats, *names: str) -> list[Floats]:
    parts = _parts(counts)
    return [statistics.mean(parts[name], EDGES[name]) for name in names]


def _response(counts: Floats) -> Floats:
    along, true = _means(counts, "along", "true")
    return statistics.divided(along, true)


def _width(counts: Floats) -> Floats:
    return statistics.half_width(_parts(counts)["across"], SIGNED, 0.68)


def _relative(counts: Floats) -> Floats:
    return statistics.divided(_width(counts), _means(counts, "length")[0])


QUANTITIES: Final[dict[str, Quantity]] = {
    "corrected": Quantity(
        r"$\sigma(u_\perp)$ / response",
        "σ(u⊥) over the response",
        lambda counts: statistics.divided(_width(counts), _response(counts)),
        "GeV",
        ratio=True,
    ),
    "width": Quantity(r"$\sigma(u_\perp)$", "σ(u⊥)", _width, "GeV", ratio=True),
    "relative": Quantity(
        r"$\sigma(u_\perp)\,/\,\langle u_T\rangle$", "σ(u⊥) over the mean length", _relative, "", ratio=True
    ),
    "response": Quantity(
        r"$\langle u_\parallel\rangle\,/\,\langle p_T\rangle$", "Response", _response, "", reference=1.0
    ),
    "bias": Quantity(
        r"Bias $1-\langle u_\parallel\rangle\,/\,\langle p_T\rangle$",
        "Bias",
        lambda counts: 1 - _response(counts),
        "",
        reference=0.0,
        y_range=(-0.5, 1.0),
    ),
}


def alone(counts: Floats, read: Read) -> tuple[Floats, Read]:
    """Return the counts of one model and the function that reads a figure off them, for the jackknife."""
    return counts, read


def over_other(counts: Floats, others: Floats, read: Read) -> tuple[Floats, Read]:
    """Return the counts of two models and the function that reads the ratio of a figure off them, for the jackknife."""
    return np.stack([counts, others], axis=1), statistics.over(read)


def range_of(edges: Floats, enough: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the range of the bins that have enough objects, from the first to the last; `enough` has flow bins."""
    used = np.flatnonzero(enough)
    return float(edges[used[0] - 1]), float(edges[used[-1]])


def mean_size(read: Read, enough: NDArray[np.bool_], counts: Floats) -> Floats:
    """Return the mean absolute value of a figure over the bins that have enough objects, with equal weights."""
    return np.asarray(np.abs(read(counts)[:, enough]).mean(axis=1))
