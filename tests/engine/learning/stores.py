"""Feature stores made by hand, to train on."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import awkward as ak
import numpy as np

from lineshape.engine.core.columns import Column
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.split import Split, Target
from lineshape.engine.feature_store.shards import ShardInfo, write_shard
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.learning.bundles import Bundle
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import Model
from lineshape.engine.learning.roles.training_task import TrainingTask


def make_store(
    folder: Path, columns: dict[str, Any], shards: int = 1, units: Mapping[str, str] = MappingProxyType({})
) -> FeatureStore:
    """A feature store of these columns, `event` numbered where it is not among them."""
    rows = len(next(iter(columns.values())))
    columns = {"event": np.arange(rows, dtype=np.uint64)} | columns
    column_metadata = {name: Column(name, units.get(name, ""), 0, 1) for name in columns if name != "event"}
    found = []
    for number in range(shards):
        part = slice(rows * number // shards, rows * (number + 1) // shards)
        arrays = {name: ak.Array(values)[part] for name, values in columns.items()}
        size = len(arrays["event"])
        write_shard(folder / "s" / f"{number}.parquet", arrays, column_metadata, ShardInfo({}, size, {}, {}))
        found.append(Shard(f"s/{number}.parquet", "s", size, str(number)))
    store = FeatureStore(folder, tuple(found), column_metadata, {}, rows, rows)
    store.save()
    return store


def dataset(folder: Path, features: tuple[str, ...], target: str = "truth") -> Dataset:
    """Rows of a store with a target as it is."""
    return Dataset(folder, features, Target(truth=target), Split())


def train(settings: dict[str, Any], data: Dataset, folder: Path) -> Bundle:
    """A bundle of a model of these settings."""
    spec = KindSpec(**settings)
    model = build("lineshape.engine.learning.models", Model, spec, ())
    work = TrainingTask("model", spec, data, 5, folder, folder.with_name(f"{folder.name}.scratch"))
    model.prepare(work)
    facts = model.train(work, lambda *_: None)
    Bundle(folder, "model", spec, data.features, data.target, "digest", facts).save()
    return Bundle.load(folder)
