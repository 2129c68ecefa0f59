"""Compare control histograms of the champion's training data with those of the present data, feature by feature."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.histograms import load_control, merge
from lineshape.engine.core.records import save_record
from lineshape.engine.core.run_folder import RunFolder
from lineshape.engine.execution.executor import Executor
from lineshape.engine.execution.failures import Failure
from lineshape.engine.execution.progress import Bars
from lineshape.engine.execution.workers import Workers
from lineshape.engine.feature_store.partial_sums import PartialSum, ShardGroup, Sum
from lineshape.engine.feature_store.store import FeatureStore
from lineshape.engine.results.drift import Drifts, Population, drifts


@dataclass(frozen=True)
class DriftBaseline:
    """Reference of a drift measurement: the champion's version, run folder, features and training samples.

    samples: None = all.
    """

    version: str
    run: RunFolder
    features: tuple[str, ...]
    samples: Container[str] | None


def drift(subject: DriftBaseline, folder: RunFolder, workers: Workers, bars: Bars, threshold: float) -> Drifts:
    """Compare the features, and save the result as drift.json in a run folder, for its report.

    threshold: index above which the report warns.
    """
    then, now = FeatureStore.load(subject.run.features), FeatureStore.load(folder.features)
    old = {shard.identity for shard in then.shards}
    new = [shard for shard in now.shards if shard.identity not in old and _of(subject, shard.sample)]
    arrived = _sum(folder, [now.path(shard) for shard in new], workers, bars) if new else None
    found = drifts(
        subject.features, _population(subject, then), _population(subject, now), arrived if arrived else None
    )
    about: dict[str, Any] = {"reference": subject.version, "threshold": threshold}
    features = [each.to_dict() for each in found.drifts]
    save_record(folder.drift, about | {"features": features, "left_out": found.left_out})
    return found


def _of(subject: DriftBaseline, sample: str) -> bool:
    return subject.samples is None or sample in subject.samples


def _population(subject: DriftBaseline, store: FeatureStore) -> Population:
    control = load_control(store.folder, store.control)
    rows = sum(shard.rows for shard in store.shards if _of(subject, shard.sample))
    return Population(merge(control[sample] for sample in store.samples if _of(subject, sample)), rows)


def _sum(folder: RunFolder, shards: list[Path], workers: Workers, bars: Bars) -> Population:
    """Add up the control histograms and rows of shards on the workers."""
    tree = Sum.of(folder.features / "partial_sums", shards, ShardGroup.of)
    bar = bars.add("adding up what arrived", sum(map(len, tree.levels)))
    for level in tree.levels:
        for group, outcome in Executor(workers, ShardGroup.__call__).run(level):
            bar.advance()
            if isinstance(outcome, Failure) or outcome:
                reason = outcome.reason if isinstance(outcome, Failure) else f"shards {', '.join(outcome)} are torn"
                raise RunError(f"partial sum {group.path} could not be made: {reason}: run the same command again")
    total = PartialSum.load(tree.path)
    return Population(total.histograms, sum(total.shards.values()))
