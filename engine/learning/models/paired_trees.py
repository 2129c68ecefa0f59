"""Train boosted trees that estimate the information of known variables about parameters, as `event_variable` does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.core.columns import Column
from lineshape.engine.core.digests import uniform
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.split import Target
from lineshape.engine.feature_store.shards import ShardInfo, shard_path, write_shard
from lineshape.engine.feature_store.store import FeatureStore, Shard
from lineshape.engine.learning.fit.resources import threads
from lineshape.engine.learning.models.boosted_trees import BoostedTrees
from lineshape.engine.learning.roles.dataset import SPLITS, Dataset
from lineshape.engine.learning.roles.model import Demands, Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

Floats = NDArray[np.float64]
#: Column of the label: 1 where the parameters are the event's own, 0 where they are another's.
_LABEL: Final = "paired"
#: Stream of the hashes of event numbers that assign parameters to other events.
_STREAM: Final = 16


class PairedTrees(Model):
    """Trees on (features, Θ) that separate pairs of one event from pairs of two; their estimate is the features.

    The parameters Θ are the job's target. The trees' sum is ln p(x, Θ) / (p(x) p(Θ)). Parameters are assigned to other
    events once, whereas `event_variable` permutes them anew in each step.
    """

    depth: Annotated[int, Field(gt=0)] = 6
    """Largest depth of a tree."""
    rate: Annotated[float, Field(gt=0)] = 0.1
    """Learning rate: the factor that each tree is scaled by."""
    rounds: Annotated[int, Field(gt=0)] = 1000
    """Largest number of boosting rounds."""
    early_stopping: Annotated[int, Field(gt=0)] = 30
    """Rounds without a better validation score after which the training stops."""
    minimum_weight: float = 1.0
    """Smallest sum of weights (of the loss's second derivatives) in a leaf, XGBoost's `min_child_weight`."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on; auto: a GPU where workers declare one, else the CPU."""

    #: Each training finds a variable, or a density, of its own.
    comparable: ClassVar[bool] = False

    @property
    def most_steps(self) -> int:
        """Most rounds of boosting."""
        return self.rounds

    def shortened(self) -> dict[str, Any]:
        """Return settings of a training of a few rounds."""
        return {"rounds": 31}

    @property
    def _trees(self) -> BoostedTrees:
        names = ("depth", "rate", "rounds", "early_stopping", "minimum_weight", "device")
        return BoostedTrees(objective="logistic", **{name: getattr(self, name) for name in names})

    def parts(self) -> list[object]:
        """Return the model and its trees."""
        return [self, self._trees]

    def demands(self) -> Demands:
        """Return one worker, and a GPU unless the device is cpu."""
        return self._trees.demands()

    def require_target(self, target: Target) -> None:
        """Accept any target, as parameters may be one or several."""

    def gives(self, target: Target, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return `V` for one known variable, which is none of the parameters, or the names of several."""
        return features if len(features) > 1 else ("V",)

    def prepare(self, work: TrainingTask) -> None:
        """Write the pairs as a feature store of their own."""
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
        """Return the prediction: the features, (n,) or (n, features)."""
        return lambda x, _: Output(x[:, 0] if x.shape[1] == 1 else x)

    def load_log_density_ratio(self, folder: Path) -> Callable[[Floats, Floats], Floats]:
        """Return the trees' sum, ln p(x, Θ) / (p(x) p(Θ)); raises RunError where their file is damaged."""
        import xgboost

        booster = self._trees.booster(folder)

        def log_density_ratio(variable: Floats, parameters: Floats) -> Floats:
            x = np.column_stack([variable, parameters]).astype(np.float32)
            rows = xgboost.DMatrix(x, feature_names=booster.feature_names, nthread=threads())
            return np.asarray(booster.predict(rows, output_margin=True), dtype=np.float64)

        return log_density_ratio


def _pairs(data: Dataset, names: list[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield, shard by shard, rows with their own parameters, and again with those of rows of the same split."""
    for found in data.by_split(SPLITS, [*names, "event"]):
        parts = []
        for table, _ in found.values():
            rows = len(table["event"])
            # Drawn with replacement, not permuted: if each column had exactly the same values in both kinds of pairs,
            # no first split would gain anything, and trees would never see that their combinations differ.
            other = (uniform(table["event"], _STREAM) * rows).astype(np.int64)
            dealt = {name: table[name][other] for name in data.target.truths}
            parts += [table | {_LABEL: np.ones(rows)}, table | dealt | {_LABEL: np.zeros(rows)}]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        yield columns, len(columns["event"])
