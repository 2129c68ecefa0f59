"""Find what variations shift figures and plots by, from their histograms, on workers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lineshape.engine.core.errors import RequestError, RunError, listing
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.statistics import values_alone
from lineshape.engine.core.validation import validated
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import Varied, varied_of
from lineshape.engine.job.varied_store import VariedStore, own_folder
from lineshape.engine.measures.plots import Plot
from lineshape.engine.results.data_chi2 import rows_of_plot
from lineshape.engine.results.performance import INDEX, Performance
from lineshape.engine.results.row import Row
from lineshape.engine.results.shifts import FigureShift, Key, Replicates, replicates_of, shifts_of
from lineshape.engine.stages.reporting.measured import plots_of
from lineshape.engine.variations.variation import Direction

#: Sample or group, measure, and name of a plot.
PlotKey = tuple[str, str, str]


@dataclass(frozen=True)
class VariedRecord:
    """Record of the histograms that a run has of a variation in one direction.

    identity: of its histograms. lost: parts of the input that it lacks and the job has, or the other way round. events:
    those that it is measured on, in words, where they are others than the job's.
    """

    varied: Varied
    identity: str
    lost: int
    events: str

    @classmethod
    def find(
        cls, job: Job, folder: RunFolder, store: FeatureStore, nominal: Performance, varied: Varied
    ) -> "VariedRecord":
        """Return it; raise RequestError where the run has no histograms of the variation, or of other data."""
        try:
            own = VariedStore.load(job, folder, store, varied)
            bundles = own.bundles(job, folder)
            made = Performance.require_made_of(own.job, own.folder.histograms, own.store, bundles, given=True)
        except RequestError as error:
            text = f"variation {varied.key} is not there, or is of other data or settings ({error}): run 'lineshape "
            raise RequestError(f"{text}vary' first") from error
        identity, about = made
        changed = varied.samples(job)
        parts = [
            {(item.sample, item.file, item.start) for item in each.quarantined if item.sample in changed}
            for each in (store, own.store)
        ]
        lost = 0 if varied.variation.changes_files else len(parts[0] ^ parts[1])
        return cls(varied, identity, lost, about if about != nominal.about else "")

    @property
    def has_same_events(self) -> bool:
        """Whether the figures are of the same events as the job's."""
        return not (self.varied.variation.changes_what_is_measured or self.events)


@dataclass(frozen=True)
class ReplicatesTask:
    """Task that finds the values of figures without each group of the jackknife, and of plots; runs on a worker.

    values: of the job. folder: of the run. labels: of the models.
    """

    values: Mapping[str, Any]
    folder: RunFolder
    labels: Mapping[str, str]

    def __call__(self, varied: Varied | None) -> tuple[Replicates, dict[PlotKey, Plot]]:
        """Return the values and plots of a variation, of what it changes.

        None: of the job itself, plots of data alone.
        """
        job = validated(Job, dict(self.values))
        store = FeatureStore.load(self.folder.features)
        nominal = Performance.as_saved(job, self.folder.histograms, store)
        members = nominal.subjects.members
        if varied is None:
            every = [
                (subject, name, plot)
                for subject in members
                for name, measure in job.built_measures().items()
                if measure.of_all_samples
                for plot in plots_of(job, store, nominal, self.labels, subject, name)
            ]
            compared = {(subject, name, plot.name): plot for subject, name, plot in every if plot.compares}
            return replicates_of(nominal, job.built_measures(), job.baseline, members), compared
        own = VariedStore.load(job, self.folder, store, varied)
        found = Performance.as_saved(own.job, own.folder.histograms, own.store).beside(nominal)
        changed = set(varied.samples(job))
        # Without a measure of all samples there is no group of all.
        there = found.subjects.members
        subjects = [subject for subject, of in members.items() if changed & set(of) and subject in there]
        measures = own.job.built_measures()
        with values_alone():
            plots = {
                (subject, name, plot.name): plot
                for subject in subjects
                for name in measures
                for plot in plots_of(own.job, store, found, self.labels, subject, name)
            }
        return replicates_of(found, measures, job.baseline, subjects), plots


@dataclass
class VariedResults:
    """Shifts of figures by all variations, and the plots of these.

    labels, parameters: of the variations. plots: by sample and measure, name of the plot, and variation. notes: on
    variations that change nothing, or lack a part of the input. rows: χ² of data and simulation with their systematic
    uncertainties.
    """

    labels: dict[str, str]
    parameters: dict[str, str]
    shifts: list[FigureShift] = field(default_factory=list)
    plots: dict[PlotKey, dict[str, dict[Direction, Plot]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def find_variations(job: Job, folder: RunFolder, store: FeatureStore, nominal: Performance) -> list[VariedRecord]:
    """Return what the run has of all variations of a job, nothing where none has been made.

    Raises RequestError where some have been made, and others not or of other data.
    """
    every = varied_of(job)
    if not any((own_folder(folder, varied).histograms / INDEX).is_file() for varied in every):
        return []
    return [VariedRecord.find(job, folder, store, nominal, varied) for varied in every]


def results_of(
    job: Job,
    folder: RunFolder,
    records: Sequence[VariedRecord],
    labels: Mapping[str, str],
    workers: Workers,
    bars: Bars,
) -> VariedResults:
    """Return what variations shift figures and plots by; raise RunError where that cannot be found."""
    variations = job.built_variations()
    found = VariedResults(
        {name: each.label or name for name, each in variations.items()},
        {name: each.parameter or name for name, each in variations.items()},
    )
    if not records:
        if variations:
            found.notes.append(
                f"the job's variations have not been made ({listing(variations)}): uncertainties are statistical alone "
                "('lineshape vary' makes them)"
            )
        return found
    todo = [None, *(each.varied for each in records)]
    bar = bars.add("variations", len(todo))
    made: dict[str, tuple[Replicates, dict[PlotKey, Plot]]] = {}
    task = ReplicatesTask(job.model_dump(mode="json"), folder, labels)
    for varied, outcome in Executor(workers, task).run(todo):
        if isinstance(outcome, Failure):
            raise RunError(f"shifts of variation {varied.key if varied else 'none'} were not found: {outcome.reason}")
        made[varied.key if varied else ""] = outcome
        bar.advance()
    nominal, compared = made[""]
    for record in records:
        varied = record.varied
        values, plots = made[varied.key]
        same, lost = record.has_same_events, record.lost > 0
        shifts = shifts_of(varied.name, varied.direction, nominal, values, same, lost)
        found.shifts += shifts
        found.notes += [*_notes(record, shifts), *_unlike(varied.key, nominal, values)]
        for key, plot in plots.items():
            found.plots.setdefault(key, {}).setdefault(varied.name, {})[varied.direction] = plot
    for (sample, measure, name), plot in compared.items():
        own = found.plots.get((sample, measure, name), {})
        found.rows += rows_of_plot(sample, measure, plot, own, found.parameters)
    return found


def _notes(record: VariedRecord, shifts: Sequence[FigureShift]) -> list[str]:
    notes, key = [], record.varied.key
    if not any(each.shift for each in shifts):
        notes.append(f"variation {key} changes no figure")
    if record.lost:
        parts = "1 part" if record.lost == 1 else f"{record.lost} parts"
        notes.append(
            f"variation {key}: {parts} of the input could be used with or without it alone, so that its shifts are not "
            "of the same events"
        )
    if record.events:
        notes.append(
            f"variation {key} is measured on {record.events}, as its models were trained on others: its shifts are not "
            "of the same events"
        )
    return notes


def _unlike(key: str, nominal: Replicates, varied: Replicates) -> list[str]:
    """Return notes on figures that a variation lacks, and on means that are over other bins in it."""
    notes = []
    if lacking := varied.lacking(nominal):
        notes.append(
            f"variation {key} lacks {len(lacking):,} figures of the job, as too few objects are left, so that it adds "
            f"nothing to their uncertainty: {_first(lacking)}"
        )
    if others := varied.over_other_bins(nominal):
        notes.append(
            f"variation {key}: {len(others):,} means are over other bins than the job's, as other bins have enough "
            f"objects, so that their shifts are of that, too: {_first(others)}"
        )
    return notes


def _first(keys: Sequence[Key]) -> str:
    """Return the first of the figures, in words, and that there are more."""
    sample, model, measure, figure, by, low, high = keys[0]
    place = f" in {by} {low:g} to {high:g}" if by and low is not None and high is not None else ""
    return f"{figure} of {model} on {sample} ({measure}){place}{' and so on' if len(keys) > 1 else ''}"
