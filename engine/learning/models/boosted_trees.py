"""Boosted regression trees (XGBoost), fed from shards into a quantised matrix: the baseline."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lineshape.engine.learning.dataset import Dataset
from lineshape.engine.learning.history import History
from lineshape.engine.learning.models.model import Model, Output, Report
from lineshape.engine.learning.threads import threads

if TYPE_CHECKING:
    import xgboost

_FILE = "trees.ubj"
_OBJECTIVES = {
    "squared_error": ("reg:squarederror", "rmse"),
    "huber": ("reg:pseudohubererror", "mphe"),
    "absolute_error": ("reg:absoluteerror", "mae"),
}


class BoostedTrees(Model):
    """Gradient-boosted trees.

    rounds: the most; early_stopping: rounds without a better validation score after which it stops. huber_slope: where
    the pseudo-Huber loss turns from squared to absolute, in the target's own units.
    """

    objective: Literal["squared_error", "huber", "absolute_error"] = "squared_error"
    depth: Annotated[int, Field(gt=0)] = 6
    rate: Annotated[float, Field(gt=0)] = 0.1
    rounds: Annotated[int, Field(gt=0)] = 1000
    early_stopping: Annotated[int, Field(gt=0)] = 30
    rows: Annotated[float, Field(gt=0, le=1)] = 1.0
    columns: Annotated[float, Field(gt=0, le=1)] = 1.0
    minimum_weight: float = 1.0
    l2: float = 1.0
    bins: Annotated[int, Field(gt=1)] = 256
    huber_slope: Annotated[float, Field(gt=0)] = 1.0

    def train(self, data: Dataset, folder: Path, seed: int, report: Report) -> dict[str, object]:
        """Fit the trees; the same data and seed give the same model bit for bit."""
        import xgboost

        training = xgboost.QuantileDMatrix(_shards(data, "training"), max_bin=self.bins, nthread=threads())
        validation = xgboost.QuantileDMatrix(
            _shards(data, "validation"), max_bin=self.bins, ref=training, nthread=threads()
        )
        history = History(folder)
        booster = xgboost.train(
            self._parameters(seed, data),
            training,
            num_boost_round=self.rounds,
            evals=[(training, "training"), (validation, "validation")],
            early_stopping_rounds=self.early_stopping,
            verbose_eval=False,
            callbacks=[_watch(history, report, self.rounds)],
        )
        best = booster[: booster.best_iteration + 1]
        best.feature_names = list(data.features)
        best.save_model(folder / _FILE)
        gain: dict[str, Any] = dict(best.get_score(importance_type="total_gain"))
        total = sum(gain.values())
        return {
            "rounds": booster.best_iteration + 1,
            "training_rows": training.num_row(),
            "validation_rows": validation.num_row(),
            "loss": _OBJECTIVES[self.objective][1],
            "importance": {name: round(value / total, 5) for name, value in sorted(gain.items(), key=lambda i: -i[1])},
        }

    def _parameters(self, seed: int, data: Dataset) -> dict[str, Any]:
        objective, metric = _OBJECTIVES[self.objective]
        huber = {"huber_slope": self.huber_slope} if self.objective == "huber" else {}
        return huber | {
            "objective": objective,
            "eval_metric": metric,
            "max_depth": self.depth,
            "eta": self.rate,
            "subsample": self.rows,
            "colsample_bytree": self.columns,
            "min_child_weight": self.minimum_weight,
            "lambda": self.l2,
            "max_bin": self.bins,
            "tree_method": "hist",
            # A median as the start: a few targets of 50 would pull the mean away from all others.
            "base_score": float(np.median(np.concatenate([t for _, t in data.parts("training")]))),
            "nthread": threads(),
            "seed": seed,
        }

    def load(self, folder: Path) -> Callable[[NDArray[np.float64]], Output]:
        """The trees' sum."""
        import xgboost

        booster = xgboost.Booster({"nthread": threads()}, model_file=folder / _FILE)

        def predict(x: NDArray[np.float64]) -> Output:
            rows = xgboost.DMatrix(x.astype(np.float32), feature_names=booster.feature_names, nthread=threads())
            return Output(booster.predict(rows).astype(np.float64))

        return predict


def _shards(data: Dataset, split: Literal["training", "validation"]) -> "xgboost.DataIter":
    """The rows of a split, shard by shard, so that the float matrix is never held."""
    import xgboost

    class Shards(xgboost.DataIter):
        def __init__(self) -> None:
            self._parts: Iterator[Any] = iter(())
            super().__init__()

        def next(self, input_data: Callable[..., None]) -> bool:
            for x, target in self._parts:
                if len(target):
                    input_data(data=x, label=target)
                    return True
            return False

        def reset(self) -> None:
            self._parts = data.parts(split)

    return Shards()


def _watch(history: History, report: Report, rounds: int) -> "xgboost.callback.TrainingCallback":
    import xgboost

    class Watch(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            losses = {split: next(iter(values.values()))[-1] for split, values in evals_log.items()}
            history.add(epoch + 1, losses)
            if epoch % 10 == 0:
                report(epoch + 1, rounds, f"validation {losses['validation']:.4f}")
            return False

    return Watch()
