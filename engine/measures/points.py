"""Find working points: thresholds on a score that give a class the same efficiency in every bin of a column."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.settings import Settings

Floats = NDArray[np.float64]

#: Bins in which scores, squashed to −1 … 1, are counted; the threshold is interpolated linearly within a bin.
_FINE_BINS: Final = 20_000
#: Number of objects below which a bin has no threshold.
_FEWEST: Final = 20


class Points(Settings):
    """Thresholds on the score, one for each bin of a column, that a fixed share of the signal passes.

    They are found on the validation split of one sample, saved with the bundle, and used for all other samples.
    """

    column: str
    """Column in whose bins the thresholds are found."""
    edges: Annotated[list[float], Field(min_length=2)]
    """Rising edges of the bins, in the column's unit, two or more. The last bin extends to infinity."""
    efficiency: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the signal that passes in every bin."""
    sample: str = ""
    """Sample on whose validation split the thresholds are found; empty for the first sample of the job that there is.
    """

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if any(high <= low for low, high in pairwise(self.edges)):
            raise ValueError(f"edges must rise: {', '.join(f'{edge:g}' for edge in self.edges)}")
        return self

    def bins(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the bin of each value; −1 below the first, or for NaN."""
        found = np.searchsorted(self.edges[:-1], values, side="right") - 1
        return np.asarray(np.where(np.isfinite(values), found, -1))

    def find(self, parts: Iterable[tuple[NDArray[Any], Floats, Floats | None]]) -> dict[str, Any]:
        """Return the thresholds on the squashed score, the edges, and the number of objects behind each threshold.

        parts: the column, the squashed score and the weight (None: 1 each) of the signal, part by part. A threshold is
        None where there are too few objects.
        """
        counts, entries = np.zeros((len(self.edges) - 1, _FINE_BINS)), np.zeros(len(self.edges) - 1)
        for values, score, weight in parts:
            place = self.bins(values)
            fine = ((score + 1) / 2 * _FINE_BINS).astype(np.int64).clip(0, _FINE_BINS - 1)
            there = place >= 0
            np.add.at(counts, (place[there], fine[there]), 1 if weight is None else weight[there])
            entries += np.bincount(place[there], minlength=len(entries))
        flow = np.pad(counts, ((0, 0), (1, 1)))
        found = statistics.quantiles(flow, np.linspace(-1, 1, _FINE_BINS + 1), [1 - self.efficiency])[:, 0]
        # Weights that do not add up to more than zero have no quantile.
        good = np.isfinite(found) & (entries >= _FEWEST)
        thresholds = [float(value) if there else None for value, there in zip(found, good, strict=True)]
        return {"edges": self.edges, "thresholds": thresholds, "entries": entries.astype(int).tolist()}

    def threshold(self, found: dict[str, Any], values: NDArray[Any]) -> Floats:
        """Return the threshold that applies to each value of the column, NaN where there is none."""
        known = [np.nan if each is None else each for each in found["thresholds"]]
        return np.array([*known, np.nan])[self.bins(values)]
