"""Apply bundles to the test split, shard by shard, and fill histograms; only histograms travel."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import digest
from lineshape.engine.core.errors import RequestError, RunError, reading
from lineshape.engine.core.grouping import cut
from lineshape.engine.core.histograms import Histograms, add_part, save_part
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import SplitName
from lineshape.engine.core.statistics import groups
from lineshape.engine.execution import memory
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.memory import Need, Term
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.shards import Table
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.feature_store.tables import Computed, read_table
from lineshape.engine.job.computed_columns import require_same
from lineshape.engine.job.counted_events import Counted, counted
from lineshape.engine.job.job import Job
from lineshape.engine.job.subjects import subjects_of
from lineshape.engine.learning.bundles import Bundle, read_index
from lineshape.engine.measures.measure import MEASURES, Measure, Objects
from lineshape.engine.results.performance import Performance, measured_by, of_model
from lineshape.engine.stages.histogramming.calibration import calibrate, read_calibration

#: Rows of a group of shards, whose histograms are one checkpoint.
GROUP_ROWS = 100_000
#: Bytes that predictions and measures take for a row, beside its columns.
ROW_BYTES = 1500
#: Bytes of a shard's line in the manifest, in memory.
MANIFEST_BYTES = 1000

Group = tuple[Shard, ...]


@dataclass(frozen=True)
class Todo:
    """A group of shards, and the models that are still to be measured on them."""

    group: Group
    models: tuple[str, ...]


@dataclass(frozen=True)
class HistogramTask:
    """Task that fills histograms of models on a group of shards on a worker, and saves them on disk for each model.

    Saved histograms are reused as long as the shards, the model and its measures are unchanged, whatever else the job
    or the data have gained.

    models: folders of their bundles. identities: for each model, a digest of everything except the shards that its
    histograms depend on. counted: the events that count. filled: for each sample and model the measures that are
    filled. computed: columns that are computed when rows are read.
    """

    store: Path
    parts: Path
    models: dict[str, Path]
    identities: dict[str, str]
    measures: dict[str, KindSpec]
    column_metadata: dict[str, Column]
    counted: Counted
    filled: Mapping[str, Mapping[str, tuple[str, ...]]]
    computed: Mapping[str, Computed]

    @property
    def _weight(self) -> list[str]:
        """Name of the column of weights, where there is one."""
        return [name for name in self.computed if name == EVENT_WEIGHT]

    def path(self, group: Group, model: str) -> Path:
        """Return the path of the histograms of a model on a group."""
        sample, shards = group[0].sample, [shard.identity for shard in group]
        filled = self.filled[sample].get(model, ())
        return self.parts / f"{digest(sample, shards, self.identities[model], filled)}.npz"

    def todo(self, group: Group) -> Todo:
        """Return the models whose histograms on a group do not exist yet."""
        return Todo(group, tuple(model for model in self.models if not self.path(group, model).exists()))

    def __call__(self, todo: Todo) -> None:
        """Fill the histograms and save them."""
        loaded = _loaded(self).only(todo.models)
        total: Histograms = {}
        for shard in todo.group:
            needed = loaded.columns_of(self.filled[shard.sample])
            columns = read_table(self.store / shard.path, shard.sample, sorted({*needed, *self._weight}), self.computed)
            of = self.counted.of(columns["event"])
            for split in of:
                if any(split in measure.filled_splits() for measure in loaded.measures.values()):
                    rows = {name: values[of[split]] for name, values in columns.items()}
                    own = loaded.measures_of(self.filled[shard.sample])
                    fill(total, loaded, own, split, self.column_metadata, rows, shard.sample)
        for model in todo.models:
            save_part(self.path(todo.group, model), of_model(total, model))


@dataclass(frozen=True)
class Loaded:
    """Bundles and measures loaded in a process.

    calibration: of each measure for each bundle, by (model, measure).
    """

    bundles: Mapping[str, Bundle]
    measures: Mapping[str, Measure]
    calibration: Mapping[tuple[str, str], Mapping[str, Any]]

    def columns_of(self, filled: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the columns of the feature store that filling needs. filled: for each model names of its measures."""
        needed = {name for bundle in self.bundles.values() for name in bundle.columns}
        measures = {name for model in self.bundles for name in filled.get(model, ())}
        return needed | {column for name in measures for column in self.measures[name].columns()} | {"event"}

    def measures_of(self, filled: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, Measure]]:
        """Return for each model its measures by name. filled: their names."""
        return {model: {name: self.measures[name] for name in filled.get(model, ())} for model in self.bundles}

    def only(self, models: Sequence[str]) -> "Loaded":
        """Return the part that belongs to these models."""
        return replace(self, bundles={name: bundle for name, bundle in self.bundles.items() if name in models})


_LOADED: dict[str, Loaded] = {}


def _loaded(work: HistogramTask) -> Loaded:
    """Load bundles and measures once in a process; those of another task are released."""
    identity = digest(work.models, work.identities)
    if identity not in _LOADED:
        _LOADED.clear()
        bundles = {name: Bundle.load(folder) for name, folder in work.models.items()}
        measures = {name: _measure(name, spec) for name, spec in work.measures.items()}
        calibration = {
            (model, name): read_calibration(bundle, name)
            for model, bundle in bundles.items()
            for name, measure in measures.items()
            if measure.calibrates and measure.is_of_model(model)
        }
        _LOADED[identity] = Loaded(bundles, measures, calibration)
    return _LOADED[identity]


def fill(
    total: Histograms,
    loaded: Loaded,
    filled: Mapping[str, Mapping[str, Measure]],
    split: SplitName,
    column_metadata: Mapping[str, Column],
    columns: Table,
    sample: str = "",
) -> None:
    """Fill objects of a split into histograms named model/measure/histogram.

    filled: for each model the measures that are filled, by name. sample: that the objects are of.
    """
    group = groups(columns["event"])
    for model, bundle in loaded.bundles.items():
        own = filled[model]
        for name, measure in own.items():
            start = f"{model}/{name}/"
            if not any(key.startswith(start) for key in total):
                total |= {start + key: histogram for key, histogram in measure.empty(column_metadata).items()}
        measures = {name: each for name, each in own.items() if split in each.filled_splits()}
        if not measures:
            continue
        predict = partial(bundle.predict, split=split)
        prediction = predict(columns)
        for name, measure in measures.items():
            calibration = loaded.calibration.get((model, name), {})
            weight = columns.get(EVENT_WEIGHT)
            density = bundle.log_density_ratio
            objects = Objects(columns, prediction, group, split, predict, calibration, density, weight, sample)
            measure.fill(of_model(total, f"{model}/{name}"), objects)


def histogram(job: Job, folder: RunFolder, workers: Workers, bars: Bars) -> Performance:
    """Fill missing histograms, merge them in the order of the manifest, and save the result.

    Raises RequestError where there are no bundles, RunError where a shard could not be measured.
    """
    store = FeatureStore.load(folder.features)
    require_same(job, store)
    bundles, given = _bundles(job, folder, store)
    identity = Performance.identity_of(job, store, bundles, given)
    events = counted(job, store, bundles, job.built_measures().values())
    measured = {**bundles, **{name: each for bundle in bundles.values() for name, each in bundle.trainings.items()}}
    calibrate(job, folder, store, measured, events, workers, bars)
    trainings = {name: [*bundle.trainings] for name, bundle in bundles.items() if bundle.trainings}
    empty = Performance.empty(job, store, bundles, *_about(events, identity), trainings=trainings)
    return _fill(job, folder, store, measured, events, empty, workers, bars)


def histogram_varied(
    job: Job,
    folder: RunFolder,
    store: FeatureStore,
    bundles: Mapping[str, Bundle],
    replaced: Mapping[str, Bundle],
    workers: Workers,
    bars: Bars,
) -> Performance:
    """Fill histograms of a variation of a job with given bundles, at the working points that were found for these.

    job, store: of the variation. folder: of the variation, where the histograms are saved. replaced: the job's bundles
    whose place others take; what these were trained on does not count either, so that events are the job's own.

    Raises RunError where a shard could not be measured.
    """
    identity = Performance.identity_of(job, store, bundles, given=True)
    behind = {**bundles, **{f"{name} replaced": bundle for name, bundle in replaced.items()}}
    events = counted(job, store, behind, job.built_measures().values())
    empty = Performance.empty(job, store, bundles, *_about(events, identity))
    return _fill(job, folder, store, bundles, events, empty, workers, bars)


def calibrate_copies(
    job: Job, folder: RunFolder, store: FeatureStore, bundles: Mapping[str, Bundle], workers: Workers, bars: Bars
) -> None:
    """Find the working points of bundles that were made elsewhere on the data of this job. bundles: copies of them."""
    events = counted(job, store, bundles, job.built_measures().values())
    calibrate(job, folder, store, bundles, events, workers, bars)


def _about(events: Counted, identity: str) -> tuple[str, str, str, str]:
    return events.name, identity, events.words, events.doubt


def _fill(
    job: Job,
    folder: RunFolder,
    store: FeatureStore,
    bundles: Mapping[str, Bundle],
    events: Counted,
    performance: Performance,
    workers: Workers,
    bars: Bars,
) -> Performance:
    """Fill empty histograms from those parts that are there, and others that are made on workers, and save them."""
    work = _work(job, folder, store, bundles, events)
    groups = _groups(store)
    todo = [todo for group in groups if (todo := work.todo(group)).models]
    bar = bars.add("histogramming", sum(len(group) for group in groups))
    bar.advance(sum(len(group) for group in groups) - sum(len(each.group) for each in todo))
    if todo:
        memory.check(needs(job, store, [*work.models], len(todo), memory.worker_limit(workers)))
    failures = []
    for each, outcome in Executor(workers, work).run(todo):
        bar.advance(len(each.group))
        if isinstance(outcome, Failure):
            failures.append(f"{each.group[0].path}: {outcome.reason}")
    if failures:
        raise RunError("shards that could not be measured:\n" + "\n".join(sorted(failures)[:5]))
    parts = [(work.path(group, model), group[0].sample, model) for group in groups for model in work.models]
    for path, sample, model in parts:
        try:
            with reading(path, "it is removed; run the same command again, which fills it anew"):
                add_part(path, of_model(performance.samples[sample], model))
        except RunError:
            path.unlink(missing_ok=True)
            raise
    performance.save(folder.histograms)
    for old in set(work.parts.glob("*.npz")) - {path for path, _, _ in parts}:
        old.unlink(missing_ok=True)
    return performance


def needs(job: Job, store: FeatureStore, models: Sequence[str], parts: int, worker_limit: float | None) -> list[Need]:
    """Return the memory that histogramming needs at most, in a worker and in the command.

    models: that have a bundle. parts: number of groups of shards. worker_limit: bytes that a worker may use.
    """
    measures, subjects = job.built_measures(), subjects_of(job, store.measured)
    bins = {
        name: sum(np.asarray(h.view(flow=True)).nbytes for h in measure.empty(store.columns).values())
        for name, measure in measures.items()
    }
    sizes = [
        sum(
            bins[name]
            for name, measure in measures.items()
            for model in models
            if sample in subjects.filled(name, measure, model)
        )
        for sample in store.samples
    ]
    rows, row_bytes = max(shard.rows for shard in store.shards), 16 * len(store.columns) + ROW_BYTES
    samples, shards = len(store.samples), len(store.shards)
    names = f"{len(models)} models × {len(measures)} measures"
    worker = Need(
        "a worker",
        (
            Term("Python and libraries, torch and XGBoost among them", memory.PREDICTING_BASE),
            Term(f"a shard: {rows:,} rows and what the models say of them", rows * row_bytes),
            Term(f"histograms of {names}", 2 * max(sizes)),
        ),
        worker_limit,
        "Lower 'chunk_entries' in the job file, or give workers more memory (cluster.memory, or fewer cluster.workers)",
    )
    client = Need(
        "this command, with a local scheduler,",
        (
            Term("Python and libraries", memory.CLIENT_BASE),
            Term(f"histograms of {names} × {samples} samples, and one part", sum(sizes) + max(sizes)),
            Term(f"the manifest of {shards:,} shards in {parts:,} groups", shards * MANIFEST_BYTES),
        ),
        memory.client_limit(),
        "Lower the number of bins of the measures, or histogram samples one by one",
    )
    return [worker, client]


def _groups(store: FeatureStore) -> list[Group]:
    """Split the shards into groups of one sample each."""
    found: list[Group] = []
    for _, shards in groupby(store.shards, key=lambda shard: shard.sample):
        found += map(tuple, cut(shards, lambda shard: shard.rows / GROUP_ROWS, lambda shard: shard.identity))
    return found


def _bundles(job: Job, folder: RunFolder, store: FeatureStore) -> tuple[dict[str, Bundle], bool]:
    """Return the models that have a bundle, and whether the bundles were given rather than trained here.

    Training reports the models that were left out.
    """
    index = read_index(folder)
    names = [name for name in index.bundles if name in job.models]
    if not names:
        raise RequestError("no model of this job could be trained or read: nothing to measure")
    for measure in job.built_measures().values():
        store.require(measure.columns())
    return {name: Bundle.load(folder.models / name) for name in names}, index.given


def _work(
    job: Job, folder: RunFolder, store: FeatureStore, bundles: Mapping[str, Bundle], events: Counted
) -> HistogramTask:
    """Return the histogramming task.

    It must follow `calibrate`, as a model's histograms depend on the calibration of measures.
    """
    measures = job.built_measures()
    identities = {}
    for name, bundle in bundles.items():
        own = {key: each for key, each in measures.items() if each.is_of_model(name)}
        calibration = {key: read_calibration(bundle, key) for key, each in own.items() if each.calibrates}
        computed = store.about_computed
        about = (store.columns, asdict(events), computed) if computed else (store.columns, asdict(events))
        identities[name] = digest(bundle.digest, measured_by(own), calibration, about)
    return HistogramTask(
        folder.features,
        folder.histograms / "parts",
        {name: bundle.folder for name, bundle in bundles.items()},
        identities,
        dict(job.measures),
        dict(store.columns),
        events,
        _filled(job, store, [*bundles]),
        store.computed,
    )


def _filled(job: Job, store: FeatureStore, models: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return for each sample and model the names of the measures whose histograms its objects are filled into."""
    subjects, measures = subjects_of(job, store.measured), job.built_measures()
    return {
        sample: {
            model: tuple(name for name, each in measures.items() if sample in subjects.filled(name, each, model))
            for model in models
        }
        for sample in store.samples
    }


def _measure(name: str, spec: KindSpec) -> Measure:
    return MEASURES.build(spec, ("measures", name))
