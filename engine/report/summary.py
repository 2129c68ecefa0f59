"""The summary: every figure of a run as a list of rows."""

import math
from collections.abc import Mapping
from typing import Any

from lineshape.engine.measures.measure import Measure
from lineshape.engine.performance import Performance

Row = dict[str, Any]


def rows_of(performance: Performance, measures: Mapping[str, Measure], baseline: str) -> list[Row]:
    """Rows with sample, model, measure, figure, by, low, high, value, uncertainty, unit and entries.

    low and high are None where a figure is inclusive. Ratios to the baseline are left out where it was not measured.
    """
    rows: list[Row] = []
    for sample in performance.samples:
        for model in performance.models:
            for name, measure in measures.items():
                reference = performance.of(sample, baseline if baseline in performance.models else model, name)
                for figure in measure.figures(performance.of(sample, model, name), reference):
                    if figure.figure.endswith("_over_baseline") and baseline not in performance.models:
                        continue
                    rows.append(
                        {
                            "sample": sample,
                            "model": model,
                            "measure": name,
                            "figure": figure.figure,
                            "by": figure.by,
                            "low": figure.low,
                            "high": figure.high,
                            "value": _number(figure.value),
                            "uncertainty": _number(figure.uncertainty),
                            "unit": figure.unit,
                            "entries": figure.entries,
                        }
                    )
    return rows


def inclusive(rows: list[Row], sample: str, model: str, measure: str, figure: str) -> Row | None:
    """The row of an inclusive figure, or None."""
    wanted = (sample, model, measure, figure, "")
    return next(
        (row for row in rows if (row["sample"], row["model"], row["measure"], row["figure"], row["by"]) == wanted), None
    )


def _number(value: float) -> float | None:
    """Six significant digits; None for NaN, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
