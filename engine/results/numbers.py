"""Write numbers for tables."""

import math
from typing import Final

_MINUS: Final = "\N{MINUS SIGN}"


def exactly(value: float) -> str:
    """Return a number that somebody chose, with up to six digits."""
    return f"{value:g}".replace("-", _MINUS)


def with_uncertainty(value: float, uncertainty: float, most: int = 8) -> str:
    """Return value ± uncertainty, rounded as the Particle Data Group does: an uncertainty of 10 to 35 has two digits.

    Others have one. most: number of decimals that are shown at most. Without an uncertainty: four digits of the value.
    """
    if not uncertainty or not math.isfinite(uncertainty):
        return f"{value:.4g}".replace("-", _MINUS)
    mantissa, exponent = f"{uncertainty:.2e}".split("e")
    decimals = max(0, min(most, (1 if float(mantissa) < 3.55 else 0) - int(exponent)))
    return f"{value:.{decimals}f} ± {uncertainty:.{decimals}f}".replace("-", _MINUS)
