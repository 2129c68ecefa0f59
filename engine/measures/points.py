"""Working points: thresholds on a score that hold a class's efficiency flat in a column."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core import statistics
from lineshape.engine.core.settings import Settings

Floats = NDArray[np.float64]

#: Bins that the scores, squashed to −1 … 1, are counted in; within one the threshold is linear.
_FINE_BINS: Final = 20_000
#: Objects below which a bin has no threshold.
_FEWEST: Final = 20


class Points(Settings):
    """Thresholds, one for each bin of a column, that a share of the signal passes; the last bin reaches to infinity.

    They are found on the validation split of one sample, by default of the first that there is, are kept with the
    bundle, and used again for all others.
    """

    column: str
    edges: Annotated[list[float], Field(min_length=2)]
    efficiency: Annotated[float, Field(gt=0, lt=1)] = 0.5
    sample: str = ""

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        if any(high <= low for low, high in pairwise(self.edges)):
            raise ValueError(f"edges must rise: {', '.join(f'{edge:g}' for edge in self.edges)}")
        return self

    def bins(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """The bin of each value; −1 below the first, or for NaN."""
        found = np.searchsorted(self.edges[:-1], values, side="right") - 1
        return np.asarray(np.where(np.isfinite(values), found, -1))

    def find(self, parts: Iterable[tuple[NDArray[Any], Floats]]) -> dict[str, Any]:
        """Thresholds from the column and the squashed score of the signal, part by part; None where there are too few.

        Returns the edges, the thresholds on the squashed score, and from how many objects each was found.
        """
        counts = np.zeros((len(self.edges) - 1, _FINE_BINS))
        for values, score in parts:
            place = self.bins(values)
            fine = ((score + 1) / 2 * _FINE_BINS).astype(np.int64).clip(0, _FINE_BINS - 1)
            np.add.at(counts, (place[place >= 0], fine[place >= 0]), 1)
        entries = counts.sum(axis=1)
        flow = np.pad(counts, ((0, 0), (1, 1)))
        found = statistics.quantiles(flow, np.linspace(-1, 1, _FINE_BINS + 1), [1 - self.efficiency])[:, 0]
        thresholds = [float(value) if n >= _FEWEST else None for value, n in zip(found, entries, strict=True)]
        return {"edges": self.edges, "thresholds": thresholds, "entries": entries.astype(int).tolist()}

    def threshold(self, found: dict[str, Any], values: NDArray[Any]) -> Floats:
        """The threshold that holds for each value of the column, NaN where there is none."""
        known = [np.nan if each is None else each for each in found["thresholds"]]
        return np.array([*known, np.nan])[self.bins(values)]
