"""Measurements: run with `make bench`, or one by one; no test runs them."""

from collections.abc import Sequence
from statistics import median


def ratios(over: Sequence[float], under: Sequence[float]) -> str:
    """Median of paired ratios, and their spread."""
    found = [a / b for a, b in zip(over, under, strict=True)]
    return f"{median(found):.2f} ({min(found):.2f}–{max(found):.2f})"
