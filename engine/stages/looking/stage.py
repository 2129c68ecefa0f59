"""Look at every column of a feature store by class and by sample; sums alone travel."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.feature_store.tables import read_table
from lineshape.engine.job.computed_columns import require_same
from lineshape.engine.job.job import Job
from lineshape.engine.learning.data.counting import groups
from lineshape.engine.results.look import Correlations, FirstLook
from lineshape.engine.stages.looking.tasks import Distributions, GroupKey, ReadGroups, Relations

#: Fine bins of a column, at least, from which ranks are read.
_FINE = 2000
#: Largest number of columns whose correlations are computed, and the largest fraction of rows that may lack one.
_MOST_RELATED = 100
_MOST_MISSING = 0.5


def look(job: Job, folder: RunFolder, workers: Workers, bars: Bars) -> FirstLook:
    """Return the distributions of all columns, their separation of classes, and correlations.

    Raises RequestError where there is no feature store, or it is not that of the job, RunError where a shard cannot be
    read.
    """
    store = FeatureStore.load(folder.features)
    require_same(job, store)
    if not store.shards:
        raise RunError(f"{folder.features} has no objects to look at: 'lineshape process' says why")
    lists = _lists(store)
    column, classes = _classes(job, store)
    flat = [name for name in store.columns if name not in lists and name not in store.computed]
    read = ReadGroups(folder.features, tuple(flat), column, classes, store.computed)
    edges = {name: _edges(store, name) for name in flat}
    parts = list(groups(store))
    bar = bars.add("looking", 2 * len(parts))
    rows: dict[GroupKey, int] = {}
    sums: dict[GroupKey, dict[str, Any]] = {}
    for part in _all(Distributions(read, edges), parts, workers, bar.advance):
        for key, (number, found) in part.items():
            rows[key] = rows.get(key, 0) + number
            known = sums.get(key)
            sums[key] = {name: known[name] + each for name, each in found.items()} if known else found
    named = {
        # Of two classes the second, which has number 1, is the signal, and comes first.
        "class": tuple(name for name in classes[:: -1 if len(classes) == 2 else 1] if rows.get(("class", name))),
        "sample": tuple(name for name in store.samples if ("sample", name) in rows),
    }
    bins = {name: store.columns[name].bins for name in flat}
    bare = FirstLook(named, sums, rows, bins, (), (), {}, lists)
    related, unrelated = _related(job, bare, sum(rows["sample", name] for name in named["sample"]))
    compared = [(bare.compared, name) for name in named[bare.compared]]
    ranks = {key: {name: sums[key][name].ranks for name in related} for key in compared}
    moments: dict[GroupKey, Any] = {}
    task = Relations(read, {name: edges[name] for name in related}, ranks)
    for part in _all(task, parts if related else [], workers, bar.advance):
        for key, (linear, rank) in part.items():
            known = moments.get(key)
            moments[key] = (known[0] + linear, known[1] + rank) if known else (linear, rank)
    found = {key: Correlations(one.correlation(), other.correlation()) for key, (one, other) in moments.items()}
    return FirstLook(named, sums, rows, bins, related, unrelated, found, lists)


def _all(
    task: Callable[[tuple[Shard, ...]], Any],
    parts: list[tuple[Shard, ...]],
    workers: Workers,
    advance: Callable[[], None],
) -> list[Any]:
    """Return what a task gives for each part, in their order, so that sums have the same last digits every time."""
    found = {}
    for part, outcome in Executor(workers, task).run(parts):
        if isinstance(outcome, Failure):
            raise RunError(f"columns of {part[0].path} could not be looked at: {outcome.reason}")
        found[part[0].identity] = outcome
        advance()
    return [found[part[0].identity] for part in parts]


def _lists(store: FeatureStore) -> tuple[str, ...]:
    """Return the columns of lists, as the first shard tells."""
    shard = store.shards[0]
    own = [name for name in store.columns if name not in store.computed]
    table: Mapping[str, Any] = read_table(store.folder / shard.path, shard.sample, own, {}) if own else {}
    return tuple(name for name, values in table.items() if isinstance(values, Jagged))


def _classes(job: Job, store: FeatureStore) -> tuple[str, tuple[str, ...]]:
    """Return the column of classes and their names in the order of numbers: of the target, else of a measure."""
    truth = job.target.truths[0]
    if truth in job.class_columns:
        return truth, tuple(job.class_columns[truth].parts)
    for measure in job.built_measures().values():
        names = getattr(measure, "classes", None)
        if isinstance(names, list) and names and measure.truth in store.columns:
            return measure.truth, tuple(names)
    return "", ()


def _edges(store: FeatureStore, name: str) -> NDArray[np.float64]:
    """Return the edges of a column's fine bins, of which those of its control histogram are made."""
    column = store.columns[name]
    return np.linspace(column.low, column.high, column.bins * -(-_FINE // column.bins) + 1)


def _related(job: Job, look: FirstLook, rows: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns whose correlations are computed, of those of models, else of all; and those left out.

    They are those that vary, and that at least half of the rows have, up to a number.
    """
    named = {name for model in job.built_models().values() for name in job.features(model)}
    wanted = [name for name in look.bins if name in named] or [*look.bins]
    able = []
    for name in wanted:
        sums = look.whole(name)
        if sums.low < sums.high and sums.missing <= _MOST_MISSING * rows:
            able.append(name)
    chosen = able[:_MOST_RELATED]
    return tuple(chosen), tuple(name for name in wanted if name not in chosen)
