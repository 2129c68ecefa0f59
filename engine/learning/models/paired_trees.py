"""Boosted trees that tell how much a known variable says of parameters: beside the networks of `event_variable`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import uniform
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.split import Target
from lineshape.engine.feature_store.shards import FeatureStore, Shard, ShardInfo, shard_path, write_shard
from lineshape.engine.learning.fit.resources import threads
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset
from lineshape.engine.learning.roles.model import Demands, Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

Floats = NDArray[np.float64]
#: Whether the parameters are the event's own.
_LABEL: Final = "paired"
#: Of the hashes of event numbers by which parameters are dealt out to other events.
_STREAM: Final = 16


class PairedTrees(Model):
    """Trees on (features, Θ) that tell pairs of one event from pairs of two; the estimate is the features themselves.

    The parameters Θ are the job's target. The trees' sum is ln p(x, Θ) / (p(x) p(Θ)), and they keep to one dealing-out
    of the parameters, where a network has another one each epoch. Settings are those of `boosted_trees`.
    """

    depth: Annotated[int, Field(gt=0)] = 6
    rate: Annotated[float, Field(gt=0)] = 0.1
    rounds: Annotated[int, Field(gt=0)] = 1000
    early_stopping: Annotated[int, Field(gt=0)] = 30
    minimum_weight: float = 1.0
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def _trees(self) -> BoostedTrees:
        names = ("depth", "rate", "rounds", "early_stopping", "minimum_weight", "device")
        return BoostedTrees(objective="logistic", **{name: getattr(self, name) for name in names})

    def parts(self) -> list[object]:
        """The model and its trees."""
        return [self, self._trees]

    def demands(self) -> Demands:
        """A GPU where there is one."""
        return self._trees.demands()

    def require_target(self, target: Target) -> None:
        """Any parameters will do."""

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """The known variable, which is none of the parameters, or several."""
        return features if len(features) > 1 else ("V",)

    def prepare(self, work: TrainingTask) -> None:
        """Write the pairs, as a feature store of their own."""
        data, folder = work.data, work.scratch / "pairs"
        names = [*data.x_columns, *data.target.truths]
        column_metadata = {name: Column(name, "", 0, 1) for name in [*names, _LABEL]}
        shards = []
        for number, (columns, rows) in enumerate(_pairs(data, names)):
            path = shard_path(Path(), "pairs", str(number))
            write_shard(folder / path, columns, column_metadata, ShardInfo({}, rows, {}, {}))
            shards.append(Shard(str(path), "pairs", rows, str(number)))
        total = sum(shard.rows for shard in shards)
        FeatureStore(folder, tuple(shards), column_metadata, {}, total, total).save()

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Fit the trees on the pairs."""
        names = (*work.data.x_columns, *work.data.target.truths)
        pairs = Dataset(work.scratch / "pairs", names, Target(truth=_LABEL), work.data.split)
        return self._trees.train(replace(work, data=pairs), report)

    def load(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """The features, (n,) or (n, features)."""
        return lambda x, _: Output(x[:, 0] if x.shape[1] == 1 else x)

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats]:
        """The trees' sum."""
        import xgboost

        booster = self._trees.booster(folder)

        def log_density_ratio(variable: Floats, parameters: Floats) -> Floats:
            x = np.column_stack([variable, parameters]).astype(np.float32)
            rows = xgboost.DMatrix(x, feature_names=booster.feature_names, nthread=threads())
            return np.asarray(booster.predict(rows, output_margin=True), dtype=np.float64)

        return log_density_ratio


def _pairs(data: Dataset, names: list[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Shard by shard, rows with their own parameters and again with those of other rows of the same split."""
    for found in data.by_split(SPLITS, [*names, "event"]):
        parts = []
        for table, _ in found.values():
            rows = len(table["event"])
            # Drawn, not mixed up: were each column's values exactly the same for both kinds of pairs, no first split
            # would gain anything, and trees would never see that their combinations differ.
            other = (uniform(table["event"], _STREAM) * rows).astype(np.int64)
            dealt = {name: table[name][other] for name in data.target.truths}
            parts += [table | {_LABEL: np.ones(rows)}, table | dealt | {_LABEL: np.zeros(rows)}]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        yield columns, len(columns["event"])
