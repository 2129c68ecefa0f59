"""Find the weight of rows: the sums of generated weights, the factor of each sample, and what the weights add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RequestError, RunError, listing
from lineshape.engine.core.grouping import cut
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.store import MANIFEST, FeatureStore, Shard, WeightSums
from lineshape.engine.feature_store.tables import Computed, read_table
from lineshape.engine.job.discovery import Catalogue
from lineshape.engine.job.job import Job
from lineshape.engine.job.weighting import is_scaled, row_weight

#: Shards whose weights one task adds up, about.
_GROUP = 64


#: Key of the sums of all rows; others are of a class, by its column and number.
_ALL = ("", -1)
Sums = dict[tuple[str, int], WeightSums]


@dataclass(frozen=True)
class WeightTask:
    """Task that adds up the weights of some shards of one sample, and of each class among them."""

    folder: Path
    computed: Mapping[str, Computed]

    def __call__(self, shards: Sequence[Shard]) -> Sums:
        """Return the sums."""
        total: Sums = {_ALL: WeightSums()}
        classes = [name for name in self.computed if name != EVENT_WEIGHT]
        for shard in shards:
            table = read_table(self.folder / shard.path, shard.sample, [EVENT_WEIGHT, *classes], self.computed)
            weight = table[EVENT_WEIGHT]
            total[_ALL] += _sums_of(weight)
            for name in classes:
                numbers = table[name]
                for number in np.unique(numbers[np.isfinite(numbers)]):
                    key = name, int(number)
                    total[key] = total.get(key, WeightSums()) + _sums_of(weight[numbers == number])
        return total


def _sums_of(weight: NDArray[np.float64]) -> WeightSums:
    return WeightSums(len(weight), float(weight.sum()), float(np.square(weight).sum()), int((weight < 0).sum()))


def weigh(job: Job, store: FeatureStore, catalogue: Catalogue, workers: Workers, bars: Bars) -> FeatureStore:
    """Return the feature store with the weight of its rows, and what they add up to in each sample.

    Raises RequestError where there is no such weight column, RunError where weights are not finite, or all zero.
    """
    if not job.is_weighted:
        return store.with_weight(None)
    generated = generated_sums(job, store, catalogue)
    weight = row_weight(job.weight, job.samples, job.luminosity, generated)
    weighted = store.with_weight(weight)
    _require_columns(weighted)
    kept = _kept(weighted)
    weights = kept if kept is not None else _sums(weighted, workers, bars)
    notes = _without_cross_section(job, weights)
    return replace(weighted, weights=weights, generated=generated, notes=(*weighted.notes, *notes))


def _without_cross_section(job: Job, samples: Iterable[str]) -> list[str]:
    """Return a note on samples that are not scaled beside others that are."""
    weighted = [name for name in samples if name in job.samples and job.samples[name].weighted]
    bare = [name for name in weighted if not is_scaled(job.samples[name])]
    if not bare or not any(job.samples[name].cross_section for name in weighted):
        return []
    have = "has" if len(bare) == 1 else "have"
    note = (
        f"{listing(bare)} {have} no 'cross_section', as other samples have, and is not scaled to the luminosity: give "
        "one, or a 'scale', or 'weighted: false' for data"
    )
    return [note]


def _require_positive(what: str, sums: WeightSums, columns: Sequence[str]) -> None:
    """Raise RunError where weights are all zero, or do not add up to more than zero, as no figure is of such rows."""
    of = f" ({' × '.join(columns)})" if columns else ""
    if sums.rows and not sums.squares:
        raise RunError(
            f"{what}: the weights{of} of all {sums.rows:,} rows are zero: expected others; name other columns under "
            "'weight.columns' of the job file, or leave the sample out"
        )
    if sums.rows and not sums.total > 0:
        raise RunError(
            f"{what}: the weights{of} of its {sums.rows:,} rows add up to {sums.total:g}: expected more than zero; "
            "name other columns under 'weight.columns' of the job file, or take more files"
        )


def generated_sums(job: Job, store: FeatureStore, catalogue: Catalogue) -> dict[str, float]:
    """Return the sum of generated weights of each sample with a cross-section, for the entries that were processed.

    Of a file of which a part is quarantined the same share of its sum is left out; a file without entries adds its own.
    """
    lost = Counter[tuple[str, str]]()
    for item in store.quarantined:
        lost[item.sample, item.file] += max(0, item.stop - item.start)
    found: dict[str, float] = {}
    for record in catalogue.records:
        if job.generated_of(record.sample) is not None and record.generated is not None:
            share = 1 - lost[record.sample, record.path] / record.entries if record.entries else 1.0
            found[record.sample] = found.get(record.sample, 0.0) + record.generated * share
    return found


def _require_columns(store: FeatureStore) -> None:
    """Raise RequestError where a column of the weight is not in the feature store."""
    assert store.weight is not None
    try:
        store.require(store.weight.needed)
    except RequestError as error:
        raise RequestError(f"weight.columns: {error}") from error


def _kept(store: FeatureStore) -> dict[str, WeightSums] | None:
    """Return the sums of the same weights of the same shards, as the last run found them; else None."""
    try:
        before = FeatureStore.load(store.folder) if (store.folder / MANIFEST).is_file() else None
    except (RequestError, RunError):
        return None
    same = before and before.weights and before.classes == store.classes
    same = before and same and before.weight == store.weight and before.shards == store.shards
    return dict(before.weights) if before and same else None


def _sums(store: FeatureStore, workers: Workers, bars: Bars) -> dict[str, WeightSums]:
    """Return the sums of each sample, added in the order of its shards."""
    groups: list[tuple[Shard, ...]] = []
    for _, shards in groupby(store.shards, key=lambda shard: shard.sample):
        groups += map(tuple, cut(shards, lambda _: 1 / _GROUP, lambda shard: shard.identity))
    bar = bars.add("weights", len(groups))
    found: dict[tuple[Shard, ...], Sums] = {}
    for group, outcome in Executor(workers, WeightTask(store.folder, store.computed)).run(groups):
        bar.advance()
        if isinstance(outcome, Failure):
            raise RunError(outcome.reason)
        found[tuple(group)] = outcome
    total: dict[str, WeightSums] = {}
    classes: Sums = {}
    for group in groups:
        sample = group[0].sample
        for key, sums in found[group].items():
            if key == _ALL:
                total[sample] = total.get(sample, WeightSums()) + sums
            else:
                classes[key] = classes.get(key, WeightSums()) + sums
    columns = store.weight.columns if store.weight else ()
    for sample, sums in total.items():
        _require_positive(f"sample {sample}", sums, columns)
    for (column, number), sums in classes.items():
        name = [*store.classes[column].parts][number]
        _require_positive(f"class {name} of {column}", sums, columns)
    return total
