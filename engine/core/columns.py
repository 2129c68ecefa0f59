"""What a column of the feature store means: its label and unit, and how it is drawn."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

import hist

#: Name of every axis that a column is along: a column may be called `weight` or `sample`, and an axis may not.
AXIS: Final = "column"
_GREEK = {
    "eta": "η",
    "mu": "μ",
    "rho": "ρ",
    "lambda": "λ",
    "pi": "π",
    "Sigma": "Σ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
}


@dataclass(frozen=True)
class Column:
    """The metadata of a column.

    label: for axes, in mathtext.
    unit: of the values, empty for a pure number.
    low, high, bins: of its control histogram.
    """

    label: str
    unit: str
    low: float
    high: float
    bins: int = 50

    @property
    def title(self) -> str:
        """Label with unit, for an axis."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def plain(self) -> str:
        """Label without mathtext, for sentences."""
        text = self.label.replace("^", " ").replace(r"\langle", "⟨").replace(r"\rangle", "⟩")
        for name, letter in _GREEK.items():
            text = text.replace(f"\\{name}", letter)
        return re.sub(r"\s+", " ", re.sub(r"[$\\{}_]", "", text)).strip()

    def axis(self) -> hist.axis.Regular:
        """The axis of the column's control histogram; the column's name is the histogram's."""
        return hist.axis.Regular(self.bins, self.low, self.high, name=AXIS, label=self.title)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
