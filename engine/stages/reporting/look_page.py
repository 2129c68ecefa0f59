"""Write the page of a look at the columns, and its figures as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.records import save_record
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.results.look import FIGURES, FirstLook, Separation, identity_of
from lineshape.engine.results.look_plots import look_plots
from lineshape.engine.results.plot_data import data_of
from lineshape.engine.results.style import Style
from lineshape.engine.stages.reporting import template


@dataclass(frozen=True)
class ColumnLine:
    """A column's line of the table: range, fraction of rows without a value, and separation of each pair."""

    name: str
    label: str
    low: str
    high: str
    missing: str
    separations: list[Separation | None]


@dataclass(frozen=True)
class MatrixCell:
    """A correlation in per cent, on a colour that shows its size and sign."""

    text: str
    colour: str


@dataclass(frozen=True)
class Matrix:
    """A matrix of correlations, with the column of each line."""

    title: str
    lines: list[tuple[str, list[MatrixCell]]]


def write_look(folder: Path, job: Job, store: FeatureStore, look: FirstLook) -> Path:
    """Write the page into a folder, and look.json beside it; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    save_record(folder / FIGURES, {"store": identity_of(store), **_figures(look)})
    labels = {name: sample.label or name for name, sample in job.samples.items()}
    groups = [*look.groups["class"], *look.groups["sample"]]
    style = Style(tuple(dict.fromkeys(groups)), "", "")
    found = [(plot.name, plot) for _, each in look_plots(look, store.columns, labels) if (plot := each.without_empty())]
    rows = sum(look.rows["sample", name] for name in look.groups["sample"])
    template.write(
        folder / "index.html",
        "look.html",
        {name: data_of(plot, style) for name, plot in found},
        {},
        title=job.title or job.study,
        made=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        rows=rows,
        weighted=bool(store.weight),
        remarks=look.remarks(),
        pairs=look.pairs(),
        lines=_lines(look, store, rows),
        related=look.related,
        matrices=list(_matrices(look)),
        shown={name: labels.get(name, name) for name in style.keys},
        plots=[(name, plot.caption) for name, plot in found],
    )
    return folder / "index.html"


def _lines(look: FirstLook, store: FeatureStore, rows: int) -> list[ColumnLine]:
    """Return a line for each column, the one that separates most first."""
    found = []
    for name in look.bins:
        whole = look.whole(name)
        missing = f"{whole.missing / rows:.2%}" if whole.missing else "0"
        low, high = (_number(value) for value in (whole.low, whole.high))
        found.append(ColumnLine(name, store.columns[name].plain, low, high, missing, look.separations(name)))
    return sorted(found, key=lambda line: -max((each.value for each in line.separations if each), default=0.0))


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "\N{MINUS SIGN}") if np.isfinite(value) else "–"


def _matrices(look: FirstLook) -> Iterator[Matrix]:
    """Yield the correlations of each group, linear and of ranks, and their difference where there are two groups."""
    if len(look.related) < 2:
        return
    groups = [
        (look.compared, name) for name in look.groups[look.compared] if (look.compared, name) in look.correlations
    ]
    for key in groups:
        yield _matrix(f"Linear correlations: {key[1]} [%]", look, look.correlations[key].linear)
        yield _matrix(f"Correlations of ranks (Spearman): {key[1]} [%]", look, look.correlations[key].rank)
    if len(groups) == 2:
        one, other = (look.correlations[key].linear for key in groups)
        yield _matrix(f"Linear correlations: {groups[0][1]} minus {groups[1][1]} [%]", look, one - other)


def _matrix(title: str, look: FirstLook, values: NDArray[np.float64]) -> Matrix:
    return Matrix(
        title, [(name, [_cell(value) for value in line]) for name, line in zip(look.related, values, strict=True)]
    )


def _cell(value: float) -> MatrixCell:
    if not np.isfinite(value):
        return MatrixCell("–", "none")
    colour = "63, 144, 218" if value < 0 else "255, 169, 14"
    return MatrixCell(
        f"{round(100 * value)}".replace("-", "\N{MINUS SIGN}"), f"rgba({colour}, {min(abs(value), 1.0):.2f})"
    )


def _figures(look: FirstLook) -> dict[str, Any]:
    """Return all figures as JSON values; null where there is none."""

    def numbers(matrix: NDArray[np.float64]) -> list[list[float | None]]:
        return [[float(value) if np.isfinite(value) else None for value in line] for line in matrix]

    return {
        "remarks": look.remarks(),
        "rows": {"/".join(key): number for key, number in look.rows.items()},
        "separation": {
            name: {
                " against ".join(pair): asdict(each)
                for pair, each in zip(look.pairs(), look.separations(name), strict=True)
                if each
            }
            for name in look.bins
        },
        "related": list(look.related),
        "correlations": {
            "/".join(key): {"linear": numbers(each.linear), "rank": numbers(each.rank)}
            for key, each in look.correlations.items()
        },
    }
