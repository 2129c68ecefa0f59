"""Compare the figures of several runs, with the uncertainty of their ratio or difference on the same objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lineshape.engine.core.histograms import Histograms
from lineshape.engine.job.job import Job
from lineshape.engine.measures.measure import BASELINE, ColumnMetadata, Figure, Measured
from lineshape.engine.measures.plots import Plot
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.row import Row

#: Endings of the figures that compare a model with another, and the sign that tables show between the runs.
_ENDINGS: Final = {f"_over_{BASELINE}": "/", f"_minus_{BASELINE}": "−"}
#: Sample, measure, model, figure, and the column and edges of the bin.
_Key = tuple[str, str, str, str, str, float | None, float | None]
#: Place of an inclusive figure, whatever the range of the bins that it is a mean over.
_INCLUSIVE: Final = ("", None, None)


@dataclass(frozen=True)
class ComparedRun:
    """A run that is compared.

    name: its name among the others. labels: of its models. columns: metadata of its columns. problem: why its
    histograms cannot be used; it is then compared by its rows alone.
    """

    name: str
    job: Job
    rows: Sequence[Row]
    labels: Mapping[str, str]
    columns: ColumnMetadata
    performance: Performance | None = None
    problem: str = ""


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of a model in all runs.

    rows: of the runs, None where one has none. relative: for each run but the first the figure over that of the first
    ("/") or less it ("−"), as `sign` says, with its uncertainty; None where their objects are not the same, or the
    measure does not compare by this figure.
    """

    sample: str
    measure: str
    model: str
    figure: str
    by: str
    low: float | None
    high: float | None
    words: str
    rows: list[Row | None]
    sign: str = ""
    relative: list[Figure | None] = field(default_factory=list)


def compare(runs: Sequence[ComparedRun]) -> list[ComparedFigure]:
    """Return the figures of the models and samples that all runs have, in the order of the first."""
    first, *others = runs
    known = [{_key(row): row for row in run.rows} for run in runs]
    relative = [_relative(first, other) for other in others]
    measures = first.job.built_measures()
    subjects = [{_subject(row) for row in run.rows} for run in others]
    found = []
    for key, row in known[0].items():
        if not all(_subject(row) in each for each in subjects):
            continue
        if row.measure not in measures or row.figure.endswith(tuple(_ENDINGS)):
            continue
        sign, figures = "", list[Figure | None](None for _ in others)
        for ending, mark in _ENDINGS.items():
            one = [each.get((*_subject(row), f"{row.figure}{ending}", *key[4:])) for each in relative]
            if any(one):
                sign, figures = mark, one
        found.append(
            ComparedFigure(
                row.sample,
                row.measure,
                row.model,
                row.figure,
                row.by,
                row.low,
                row.high,
                measures[row.measure].in_words(row.figure),
                [each.get(key) for each in known],
                sign,
                figures,
            )
        )
    return found


def overlaid(runs: Sequence[ComparedRun], sample: str, measure: str, model: str) -> list[Plot]:
    """Return a measure's plots of one model, with a curve for each run that has its histograms."""
    there = [run for run in runs if run.performance and _histograms(run, sample, measure, model)]
    if not there:
        return []
    built = there[0].job.built_measures()[measure]
    measured = Measured(
        sample,
        {run.name: _histograms(run, sample, measure, model) for run in there},
        {run.name: run.name for run in there},
        there[0].name,
        there[0].columns,
    )
    return [plot for plot in (each.without_empty() for each in built.plots(measured)) if plot]


def _relative(first: ComparedRun, other: ComparedRun) -> dict[_Key, Figure]:
    """Return the figures of a run that compare its models with those of the first, on the same objects."""
    found: dict[_Key, Figure] = {}
    if first.performance is None or other.performance is None:
        return found
    for sample, measure, model in dict.fromkeys(_subject(row) for row in other.rows):
        own, reference = (_histograms(run, sample, measure, model) for run in (other, first))
        if not own or not _have_same_bins(own, reference):
            continue
        for figure in other.job.built_measures()[measure].figures(own, {BASELINE: reference}):
            if figure.figure.endswith(tuple(_ENDINGS)):
                place = (figure.by, figure.low, figure.high) if figure.by else _INCLUSIVE
                found[sample, measure, model, figure.figure, *place] = figure
    return found


def _have_same_bins(own: Histograms, reference: Histograms) -> bool:
    return own.keys() == reference.keys() and all(own[name].axes == reference[name].axes for name in own)


def _histograms(run: ComparedRun, sample: str, measure: str, model: str) -> Histograms:
    """Return the histograms of a measure of a model on a sample; none where the run does not have them."""
    performance = run.performance
    if performance is None or sample not in performance.subjects.members:
        return {}
    return performance.of(sample, model, measure)


def _key(row: Row) -> _Key:
    return (*_subject(row), row.figure, *((row.by, row.low, row.high) if row.by else _INCLUSIVE))


def _subject(row: Row) -> tuple[str, str, str]:
    return row.sample, row.measure, row.model
