"""Find the weight of rows: the sums of generated weights, the factor of each sample, and what the weights add up to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from lineshape.engine.core.errors import RequestError, RunError
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
from lineshape.engine.job.weighting import row_weight

#: Shards whose weights one task adds up, about.
_GROUP = 64


@dataclass(frozen=True)
class WeightTask:
    """Task that adds up the weights of some shards of one sample."""

    folder: Path
    computed: Mapping[str, Computed]

    def __call__(self, shards: Sequence[Shard]) -> WeightSums:
        """Return the sums."""
        total = WeightSums()
        for shard in shards:
            weight = read_table(self.folder / shard.path, shard.sample, [EVENT_WEIGHT], self.computed)[EVENT_WEIGHT]
            sums = float(weight.sum()), float(np.square(weight).sum()), int((weight < 0).sum())
            total += WeightSums(len(weight), *sums)
        return total


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
    for sample, sums in weights.items():
        if sums.rows and not sums.squares:
            raise RunError(f"sample {sample}: the weights of all {sums.rows:,} rows are zero: expected others")
        if sums.rows and not sums.total > 0:
            raise RunError(
                f"sample {sample}: the weights of its {sums.rows:,} rows add up to {sums.total:g}: expected more than "
                "zero"
            )
    return replace(weighted, weights=weights, generated=generated)


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
        store.require(store.weight.columns)
    except RequestError as error:
        raise RequestError(f"weight.columns: {error}") from error


def _kept(store: FeatureStore) -> dict[str, WeightSums] | None:
    """Return the sums of the same weights of the same shards, as the last run found them; else None."""
    try:
        before = FeatureStore.load(store.folder) if (store.folder / MANIFEST).is_file() else None
    except (RequestError, RunError):
        return None
    same = before and before.weight == store.weight and before.shards == store.shards and before.weights
    return dict(before.weights) if before and same else None


def _sums(store: FeatureStore, workers: Workers, bars: Bars) -> dict[str, WeightSums]:
    """Return the sums of each sample, added in the order of its shards."""
    groups: list[tuple[Shard, ...]] = []
    for _, shards in groupby(store.shards, key=lambda shard: shard.sample):
        groups += map(tuple, cut(shards, lambda _: 1 / _GROUP, lambda shard: shard.identity))
    bar = bars.add("weights", len(groups))
    found: dict[tuple[Shard, ...], WeightSums] = {}
    for group, outcome in Executor(workers, WeightTask(store.folder, store.computed)).run(groups):
        bar.advance()
        if isinstance(outcome, Failure):
            raise RunError(outcome.reason)
        found[tuple(group)] = outcome
    total: dict[str, WeightSums] = {}
    for group in groups:
        sample = group[0].sample
        total[sample] = total.get(sample, WeightSums()) + found[group]
    return total
