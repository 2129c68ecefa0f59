"""Read the histograms of variations, and find what they shift figures and plots by."""

from collections.abc import Callable
from dataclasses import dataclass, field

from lineshape.engine.core.errors import RequestError
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.progress import Bars
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.job.job import Job
from lineshape.engine.job.varied import Varied, varied_of
from lineshape.engine.job.varied_store import VariedStore
from lineshape.engine.measures.plots import Plot
from lineshape.engine.results.performance import Performance
from lineshape.engine.results.shifts import FigureShift, Replicates, shifts_of
from lineshape.engine.variations.variation import Direction

#: Returns the plots of a measure on a sample or group: performance, sample, measure.
PlotsOf = Callable[[Performance, str, str], list[Plot]]


@dataclass(frozen=True)
class VariedPerformance:
    """The histograms of a variation in one direction, beside those of the samples that it does not change.

    lost: parts of the input that it lacks and the job has, or the other way round. other_events: whether it is measured
    on another selection of events, as a bundle was trained on some of them.
    """

    store: VariedStore
    performance: Performance
    lost: int
    other_events: bool

    @classmethod
    def load(
        cls, job: Job, folder: RunFolder, store: FeatureStore, nominal: Performance, varied: Varied
    ) -> "VariedPerformance":
        """Return what the run has of a variation; raise RequestError where that is nothing, or of other data."""
        try:
            own = VariedStore.load(job, folder, store, varied)
            bundles = own.bundles(job, folder)
            found = Performance.load(own.job, own.folder.histograms, own.store, bundles, given=True)
        except RequestError as error:
            text = f"variation {varied.key} is not there, or is of other data or settings ({error}): run 'lineshape "
            raise RequestError(f"{text}vary' first") from error
        changed = varied.samples(job)
        parts = [
            {(item.sample, item.file, item.start) for item in each.quarantined if item.sample in changed}
            for each in (store, own.store)
        ]
        lost = 0 if varied.variation.changes_files else len(parts[0] ^ parts[1])
        return cls(own, found.beside(nominal), lost, found.about != nominal.about)


@dataclass
class VariedResults:
    """What variations shift figures by, and their plots.

    labels, parameters: of the variations. plots: by sample and measure, name of the plot, and variation. notes: on
    variations that change nothing, or lack a part of the input.
    """

    labels: dict[str, str]
    parameters: dict[str, str]
    shifts: list[FigureShift] = field(default_factory=list)
    plots: dict[tuple[str, str, str], dict[str, dict[Direction, Plot]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_variations(job: Job, folder: RunFolder, store: FeatureStore, nominal: Performance) -> list[VariedPerformance]:
    """Return the histograms of all variations of a job; raise RequestError where one has not been made."""
    return [VariedPerformance.load(job, folder, store, nominal, varied) for varied in varied_of(job)]


def results_of(
    job: Job, nominal: Performance, varied: list[VariedPerformance], plots_of: PlotsOf, bars: Bars
) -> VariedResults:
    """Return what variations shift figures and plots by."""
    variations = job.built_variations()
    found = VariedResults(
        {name: each.label or name for name, each in variations.items()},
        {name: each.parameter or name for name, each in variations.items()},
    )
    if not varied:
        return found
    before = Replicates(nominal, job.built_measures(), job.baseline)
    bar = bars.add("variations", len(varied))
    for each in varied:
        about = each.store.varied
        measures = each.store.job.built_measures()
        after = Replicates(each.performance, measures, job.baseline)
        same = not (about.variation.changes_what_is_measured or each.other_events)
        changed = about.samples(job)
        shifts = shifts_of(about.name, about.direction, before, after, changed, same, each.lost > 0)
        found.shifts += shifts
        found.notes += _notes(about, shifts, each)
        members = nominal.subjects.members
        for subject in (one for one, own in members.items() if set(own) & set(changed)):
            for measure in measures:
                for plot in plots_of(each.performance, subject, measure):
                    of = found.plots.setdefault((subject, measure, plot.name), {}).setdefault(about.name, {})
                    of[about.direction] = plot
        bar.advance()
    return found


def _notes(varied: Varied, shifts: list[FigureShift], found: VariedPerformance) -> list[str]:
    notes = []
    if not any(each.shift for each in shifts):
        notes.append(f"variation {varied.key} changes no figure")
    if found.lost:
        parts = "1 part" if found.lost == 1 else f"{found.lost} parts"
        notes.append(
            f"variation {varied.key}: {parts} of the input could be used with or without it alone, so that its shifts "
            "are not of the same events"
        )
    if found.other_events:
        notes.append(
            f"variation {varied.key} is measured on {found.performance.about}, as its models were trained on others: "
            "its shifts are not of the same events"
        )
    return notes
