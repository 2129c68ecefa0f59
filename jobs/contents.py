"""Read what a run holds, for further work in Python: bundles, histograms and rows of the feature store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from lineshape.engine.core.errors import RequestError, listing, nearest
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.core.split import SplitName
from lineshape.engine.job.job import Job

if TYPE_CHECKING:
    import hist

    from lineshape.engine.feature_store.shards import Table
    from lineshape.engine.learning.bundles import Bundle

#: A split of the events, or all of them.
Part = SplitName | Literal["all"]


def bundle_of(folder: Path, name: str) -> "Bundle":
    """Return a model of a run; raise RequestError with the names that there are where it has no such bundle."""
    from lineshape.engine.learning.bundles import Bundle, read_index

    run = RunFolder(folder)
    there = read_index(run).bundles
    if name not in there:
        raise RequestError(f"no model '{name}' in {folder}{nearest(name, there)}: expected one of {listing(there)}")
    return Bundle.load(run.models / name)


def histograms_of(job: Job, folder: Path) -> "dict[str, hist.Hist[Any]]":
    """Return the performance histograms of a run, by sample/model/measure/name, without the jackknife's groups.

    Samples are those of the job, and groups of samples, of which the histograms are the sums.

    Raises RequestError where the run has none.
    """
    from lineshape.engine.feature_store.store import FeatureStore
    from lineshape.engine.results.performance import Performance

    run = RunFolder(folder)
    performance = Performance.as_saved(job, run.histograms, FeatureStore.load(run.features))
    found = {}
    for subject in performance.subjects.members:
        for model in performance.models:
            for measure in job.measures:
                for name, histogram in performance.of(subject, model, measure).items():
                    axes = [*range(histogram.ndim - 1)]
                    key = f"{subject}/{model}/{measure}/{name}"
                    found[key] = histogram.project(*axes) if axes else histogram
    return found


def rows_of(
    job: Job, folder: Path, part: Part, columns: Sequence[str] | None = None, sample: str | None = None
) -> "Iterator[Table]":
    """Yield the rows of a split, shard by shard: arrays by column, in the order of the feature store.

    part: training, validation, test or all. columns: all by default; `event` is the event's number,
    "(event weight)" the weight of the job. sample: all samples by default.

    Raises RequestError where there is no such split, column or sample.
    """
    from lineshape.engine.feature_store.store import FeatureStore

    if part not in (known := (*get_args(SplitName), "all")):
        raise RequestError(f"no split '{part}': expected one of {listing(known)}")
    store = FeatureStore.load(RunFolder(folder).features)
    if sample is not None and sample not in store.samples:
        hint = nearest(sample, store.samples) or f": expected one of {listing(store.samples)}"
        raise RequestError(f"no sample '{sample}' in {folder}{hint}")
    names = list(columns) if columns is not None else [*store.columns, "event"]
    store.require(names)
    return _rows(
        job,
        store.read(list(dict.fromkeys([*names, "event"])), samples=None if sample is None else [sample]),
        part,
        names,
    )


def _rows(job: Job, tables: Any, part: Part, names: Sequence[str]) -> "Iterator[Table]":
    for _, table in tables:
        if part == "all":
            yield {name: table[name] for name in names}
        else:
            chosen = job.division.of(table["event"])[part]
            yield {name: table[name][chosen] for name in names}
