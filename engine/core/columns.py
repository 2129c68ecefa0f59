"""Metadata of the feature store's columns: label, unit, and the binning of the control histogram."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

import hist

#: Name of every column's axis: a column may be called `weight` or `sample`, and an axis may not.
AXIS: Final = "column"
#: TeX's macros, and what each stands for in running text; those of fonts stand for nothing.
_MACROS: Final = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega Gamma "
    "Delta Theta Lambda Sigma Phi Psi Omega perp parallel langle rangle times pm leq geq le ge to rightarrow sqrt ell "
    "prime approx sim infty cdot sum"
)
_SIGNS: Final = "αβγδεζηθκλμνξπρστφχψωΓΔΘΛΣΦΨΩ⊥∥⟨⟩×±≤≥≤≥→→√ℓ′≈∼∞·Σ"
_FONTS: Final = ("mathrm", "mathit", "mathbf", "text", "rm", "it")
_SYMBOLS: Final[dict[str, str]] = dict(zip(_MACROS.split(), _SIGNS, strict=True)) | dict.fromkeys(_FONTS, "")


@dataclass(frozen=True)
class Column:
    """Metadata of a column.

    label: axis label, in mathtext.
    unit: unit of the values, empty for a dimensionless quantity.
    low, high, bins: range and number of bins of the control histogram.
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
        """Label without mathtext, for running text."""
        text = re.sub(r"\\[,;: ]", " ", self.label.replace("^", " "))
        text = re.sub(r"\\([A-Za-z]+)", lambda macro: _SYMBOLS.get(macro[1], macro[1]), text)
        return re.sub(r"\s+", " ", re.sub(r"[$\\{}_]", "", text)).strip()

    def axis(self) -> hist.axis.Regular:
        """Return the axis of the column's control histogram; the column's name is the histogram's, not the axis's."""
        return hist.axis.Regular(self.bins, self.low, self.high, name=AXIS, label=self.title)

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata as a JSON-serialisable dictionary."""
        return asdict(self)
