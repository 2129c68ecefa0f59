"""Write numbers for tables."""

import math
from typing import Final

_MINUS: Final = "\N{MINUS SIGN}"


def exactly(value: float) -> str:
    """Return a number that somebody chose, with up to six digits."""
    return f"{value:g}".replace("-", _MINUS)


def with_uncertainty(value: float, uncertainty: float, most: int = 8, systematic: float | None = None) -> str:
    """Return value ± uncertainty, rounded as the Particle Data Group does: an uncertainty of 10 to 35 has two digits.

    Others have one. most: number of decimals that are shown at most. systematic: a second uncertainty, where there is
    one; the larger of both decides the digits, of which the smaller has one at least, if need be of its own. Without an
    uncertainty: four digits of the value.
    """
    sizes = [each for each in (uncertainty, systematic) if each and math.isfinite(each)]
    if not sizes:
        return f"{value:.4g}".replace("-", _MINUS)
    decimals = _decimals(max(sizes), most)
    texts = [f"{value:.{decimals}f}", _shown(uncertainty or 0.0, decimals, most)]
    if systematic is not None:
        texts.append(_shown(systematic, decimals, most))
    return " ± ".join(texts).replace("-", _MINUS)


def _shown(uncertainty: float, decimals: int, most: int) -> str:
    """Return an uncertainty with so many decimals, or with as many more as its first digit needs."""
    if uncertainty and math.isfinite(uncertainty):
        decimals = max(decimals, min(most, -math.floor(math.log10(uncertainty))))
    return f"{uncertainty:.{decimals}f}"


def signed(value: float, uncertainty: float, most: int = 8) -> str:
    """Return a difference with its sign, ± its uncertainty."""
    if not value and not uncertainty:
        return "0"
    text = with_uncertainty(value, uncertainty, most)
    return text if text.startswith(_MINUS) else f"+{text}"


def _decimals(uncertainty: float, most: int) -> int:
    """Return the number of decimals that an uncertainty is rounded to."""
    mantissa, exponent = f"{uncertainty:.2e}".split("e")
    return max(0, min(most, (1 if float(mantissa) < 3.55 else 0) - int(exponent)))
