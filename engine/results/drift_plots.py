"""Report drift: a record of all features, and plots of those that shifted most."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lineshape.engine.core.records import read_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.results.drift import Drift, Shift

#: Number of features that are drawn, those that shifted most.
DRAWN: Final = 4
SECTION: Final = "Drift"
_KEYS: Final = {"reference": "training data", "now": "all data now", "arrived": "arrived since"}


@dataclass(frozen=True)
class DriftReport:
    """Shifts of the champion's features.

    reference: the version whose training data they are compared with. threshold: index above which a feature causes a
    warning. left_out: features whose shift is not known, and why.
    """

    reference: str
    threshold: float
    features: list[Drift]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def above(self) -> list[Drift]:
        """Features that cause a warning."""
        return [drift for drift in self.features if drift.worst > self.threshold]


def read_drifts(folder: RunFolder) -> DriftReport | None:
    """Return the drift report of a run folder, None where it has none."""
    if not folder.drift.is_file():
        return None
    return read_record(folder.drift, DriftReport, "remove it; the next run of 'lineshape reprocess' measures it anew")


def index_of(shift: Shift | None) -> str:
    """Return the index as text."""
    return f"{shift.index:.3f}" if shift else "–"


def chance_of(shift: Shift | None) -> str:
    """Return as text the probability that chance alone shifts a feature as much."""
    if shift is None:
        return "–"
    return "< 0.0001" if shift.chance < 1e-4 else f"{shift.chance:.4f}"


def drift_plots(drifts: DriftReport) -> Iterator[Plot]:
    """Yield plots of the distributions of the features that shifted most."""
    for drift in drifts.features[:DRAWN]:
        series = [
            _series(key, label, drift.edges, values)
            for (key, label), values in zip(_KEYS.items(), (drift.reference, drift.now, drift.arrived), strict=True)
            if sum(values) > 0
        ]
        yield Plot(
            f"drift_{drift.feature}",
            SECTION,
            f"{drift.feature}: training data of version {drifts.reference}, all data now, and what arrived since.",
            drift.label,
            "Fraction of objects / bin",
            series,
            ratio_to="reference",
        )


def keys() -> tuple[str, ...]:
    """Return the keys of the curves' colours."""
    return tuple(_KEYS)


def _series(key: str, label: str, edges: list[float], values: list[float]) -> Series:
    inside, total = np.array(values[1 : len(edges)]), max(sum(values), 1.0)
    return Series(key, label, np.array(edges), inside / total, np.sqrt(inside) / total, "steps", key == "arrived")
