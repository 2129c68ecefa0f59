"""Plot the columns of a feature store by class and by sample."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.columns import Column
from lineshape.engine.measures.plots import Plot, Series
from lineshape.engine.results.look import FirstLook

Floats = NDArray[np.float64]


def look_plots(look: FirstLook, columns: Mapping[str, Column], labels: Mapping[str, str]) -> Iterable[tuple[str, Plot]]:
    """Yield for each column a plot by class, normalised, and by sample, normalised and stacked.

    labels: of samples.
    """
    for name, bins in look.bins.items():
        column = columns[name]
        edges = np.linspace(column.low, column.high, bins + 1)
        for kind, groups in look.groups.items():
            if (kind == "class" and len(groups) > 1) or (kind == "sample" and not look.is_by_sample):
                series = [_normalised(look, kind, group, name, edges, labels) for group in groups]
                caption = f"{column.plain} by {kind}, each normalised to 1."
                yield name, _plot(name, column, f"{kind}_{name}", caption, "Fraction of objects", series)
        if len(look.groups["sample"]) > 1:
            caption = f"{column.plain}, samples on top of one another."
            yield name, _plot(name, column, f"stacked_{name}", caption, "Objects", _stacked(look, name, edges, labels))


def _plot(name: str, column: Column, key: str, caption: str, y_label: str, series: list[Series]) -> Plot:
    return Plot(key, name, caption, column.title, y_label, series)


def _normalised(look: FirstLook, kind: str, group: str, name: str, edges: Floats, labels: Mapping[str, str]) -> Series:
    values, squares = look.columns[kind, group][name].coarse(look.bins[name])
    total = values.sum() or 1.0
    return Series(
        group, labels.get(group, group), edges, values[1:-1] / total, np.sqrt(squares[1:-1]) / abs(total), "steps"
    )


def _stacked(look: FirstLook, name: str, edges: Floats, labels: Mapping[str, str]) -> list[Series]:
    """Return the sums of the samples up to each, the highest first, so that the legend has their order."""
    groups = look.groups["sample"]
    own = [look.columns["sample", group][name].coarse(look.bins[name])[0][1:-1] for group in groups]
    values = np.cumsum(own, axis=0)
    found = [
        Series(group, labels.get(group, group), edges, each, None, "steps")
        for group, each in zip(groups, values, strict=True)
    ]
    return found[::-1]
