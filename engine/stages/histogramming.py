"""Histogramming: bundles applied to the test split, shard by shard; only histograms travel."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineshape.engine.bundles import Bundle
from lineshape.engine.columns import Column
from lineshape.engine.digests import digest
from lineshape.engine.errors import RequestError, RunError
from lineshape.engine.executor import Executor
from lineshape.engine.files import read_json
from lineshape.engine.folders import RunFolder
from lineshape.engine.histograms import Histograms, add_part, save_part
from lineshape.engine.job import Job
from lineshape.engine.kinds import KindSpec, build
from lineshape.engine.measures.measure import Measure, Objects
from lineshape.engine.performance import Performance
from lineshape.engine.progress import Bars
from lineshape.engine.shards import FeatureStore, Shard, Table, read_columns
from lineshape.engine.split import Split
from lineshape.engine.statistics import groups
from lineshape.engine.verdicts import Failure

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True)
class Work:
    """On a worker: fills the histograms of one shard and keeps them on disk.

    split: None where every object is measured, as no model was trained on any of them.
    """

    store: Path
    parts: Path
    models: dict[str, Path]
    measures: dict[str, KindSpec]
    meanings: dict[str, Column]
    split: Split | None
    identity: str

    def path(self, shard: Shard) -> Path:
        """Where the histograms of a shard are, or will be."""
        return self.parts / f"{digest(shard.identity, self.identity)}.npz"

    def __call__(self, shard: Shard) -> None:
        """Fill and keep."""
        bundles = _bundles(self.models)
        measures = _measures(self.measures)
        needed = {name for bundle in bundles.values() for name in bundle.columns}
        needed |= {name for measure in measures.values() for name in measure.columns()}
        columns = read_columns(self.store / shard.path, sorted({*needed, "event"}))
        rows = np.ones(shard.rows, dtype=bool) if self.split is None else self.split.of(columns["event"])["test"]
        columns = {name: values[rows] for name, values in columns.items()}
        save_part(self.path(shard), fill(bundles, measures, self.meanings, columns))


def fill(
    bundles: Mapping[str, Bundle], measures: Mapping[str, Measure], meanings: Mapping[str, Column], columns: Table
) -> Histograms:
    """Histograms of all measures of all models for objects, named model/measure/histogram."""
    group = groups(columns["event"])
    found: Histograms = {}
    for model, bundle in bundles.items():
        objects = Objects(columns, bundle.predict(columns), group)
        for name, measure in measures.items():
            histograms = measure.empty(meanings)
            measure.fill(histograms, objects)
            found |= {f"{model}/{name}/{key}": histogram for key, histogram in histograms.items()}
    return found


def histogram(job: Job, folder: RunFolder, client: "Client", bars: Bars) -> Performance:
    """Fill what is missing, merge in the order of the manifest, and save.

    Raises RequestError where there are no bundles, RunError where a shard could not be measured.
    """
    store = FeatureStore.load(folder.features)
    work = _work(job, folder, store)
    todo = [shard for shard in store.shards if not work.path(shard).exists()]
    bar = bars.add("histogramming", len(store.shards))
    bar.advance(len(store.shards) - len(todo))
    failures = []
    for shard, outcome in Executor(client, work).run(todo):
        bar.advance()
        if isinstance(outcome, Failure):
            failures.append(f"{shard.path}: {outcome.reason}")
    if failures:
        raise RunError("shards that could not be measured:\n" + "\n".join(sorted(failures)[:5]))
    split = "all" if work.split is None else "test"
    performance = Performance.empty(store, work.models, job.built_measures(), split, work.identity)
    for shard in store.shards:
        add_part(work.path(shard), performance.samples[shard.sample])
    performance.save(folder.histograms)
    return performance


def _work(job: Job, folder: RunFolder, store: FeatureStore) -> Work:
    """The models that have a bundle; those without are said to be left out by the training stage."""
    if not folder.index.is_file():
        raise RequestError(f"no models in {folder.models}: run 'lineshape train' first")
    names = [name for name in read_json(folder.index)["bundles"] if name in job.models]
    if not names:
        raise RequestError("no model of this job could be trained or read: nothing to measure")
    bundles = {name: Bundle.load(folder.models / name) for name in names}
    for measure in job.built_measures().values():
        store.require(measure.columns())
    trained = any(bundle.built.trains for bundle in bundles.values())
    return Work(
        folder.features,
        folder.histograms / "parts",
        {name: bundle.folder for name, bundle in bundles.items()},
        dict(job.measures),
        dict(store.columns),
        job.split if trained else None,
        Performance.identity_of(job, store, bundles),
    )


def _bundles(folders: Mapping[str, Path]) -> dict[str, Bundle]:
    return {name: Bundle.load(folder) for name, folder in folders.items()}


def _measures(specs: Mapping[str, KindSpec]) -> dict[str, Measure]:
    return {name: build("lineshape.engine.measures", Measure, spec, ("measures", name)) for name, spec in specs.items()}
