"""Train boosted trees (XGBoost) on a quantised matrix that is filled from shards: the baseline."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import RequestError, RunError, reading_bundle
from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.split import Target
from lineshape.engine.feature_store.store import WHOLE, Share
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.data.rounds import Stops, Together
from lineshape.engine.learning.data.row_file import RowFile
from lineshape.engine.learning.data.survey import TREES, require_learnable, together
from lineshape.engine.learning.fit import remarks
from lineshape.engine.learning.fit.history import read_history
from lineshape.engine.learning.fit.resources import default_memory, threads
from lineshape.engine.learning.roles.dataset import SPLITS
from lineshape.engine.learning.roles.model import REMARKS, Demands, Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask
from lineshape.engine.learning.roles.weight import WEIGHTS, Weight, built_weight, weight_column, weight_reads

if TYPE_CHECKING:
    import xgboost

_FILE = "trees.ubj"
#: Characters that XGBoost does not allow in a feature's name.
_FORBIDDEN = frozenset("[]<")
_OBJECTIVES = {
    "squared_error": ("reg:squarederror", "rmse"),
    "huber": ("reg:pseudohubererror", "mphe"),
    "absolute_error": ("reg:absoluteerror", "mae"),
    "logistic": ("binary:logistic", "logloss"),
}


class BoostedTrees(Model):
    """Gradient-boosted trees (XGBoost), grown by the histogram method on quantised features."""

    objective: Literal["squared_error", "huber", "absolute_error", "logistic"] = "squared_error"
    """Loss to minimise: of a regression, or logistic, for a target that labels signal (1) and background (0)."""
    depth: Annotated[int, Field(gt=0)] = 6
    """Largest depth of a tree."""
    rate: Annotated[float, Field(gt=0)] = 0.1
    """Learning rate: the factor that each tree is scaled by."""
    rounds: Annotated[int, Field(gt=0)] = 1000
    """Largest number of boosting rounds."""
    early_stopping: Annotated[int, Field(gt=0)] = 30
    """Rounds without a better validation score after which the training stops."""
    rows: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the rows that each tree is grown on, drawn at random; 1: all."""
    columns: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of the features that each tree is grown on, drawn at random; 1: all."""
    minimum_weight: float = 1.0
    """Smallest sum of weights (of the loss's second derivatives) in a leaf, XGBoost's `min_child_weight`."""
    l2: float = 1.0
    """Strength of the L2 regularisation of leaf values, XGBoost's `lambda`."""
    bins: Annotated[int, Field(gt=1)] = 256
    """Largest number of bins that each feature is quantised in; up to 256, a value takes one byte."""
    huber_slope: Annotated[float, Field(gt=0)] = 1.0
    """Residual where the pseudo-Huber loss turns from squared to absolute, in the target's own units."""
    weight: str | Annotated[KindSpec, WEIGHTS] | None = None
    """Weight of each row: a column, or a kind that computes it; null: all rows count the same.

    None may be negative, which XGBoost refuses.
    """
    checkpoint: Annotated[int, Field(gt=0)] = 200
    """Rounds between two checkpoints, which a training that is killed resumes from."""
    memory: Annotated[float, Field(gt=0)] | None = None
    """Memory in GiB that the quantised rows may take; larger ones are kept on disk.

    null: a quarter of the machine's memory, divided by the number of cores granted.
    """
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on; auto: a GPU where workers declare one, else the CPU."""
    workers: Annotated[int, Field(gt=0)] = 1
    """Number of Dask workers that train together, each on a share of the shards, for data that no node can hold.

    They communicate by XGBoost's own protocol, unencrypted, and listen on all interfaces: not for an open network.
    Their trees are not those of one worker.
    """

    @property
    def most_steps(self) -> int:
        """Most rounds of boosting."""
        return self.rounds

    def shortened(self) -> dict[str, Any]:
        """Return settings of a training of a few rounds."""
        return {"rounds": 31}

    @property
    def draws(self) -> bool:
        """Whether trees draw rows or features."""
        return self.rows < 1 or self.columns < 1

    def trained_on(self) -> tuple[str, ...]:
        """Return the columns that the weight is computed from."""
        return weight_reads(self.weight)

    def weighed_by(self) -> Weight | None:
        """Return the kind that computes the weight; None where the weight is a column, or there is none."""
        return built_weight(self.weight)

    def parts(self) -> list[object]:
        """Return the model and its weight."""
        return [self, *filter(None, [self.weighed_by()])]

    @model_validator(mode="after")
    def _weight_is_a_kind(self) -> Self:
        _ = self.weighed_by()
        return self

    @property
    def learns_labels(self) -> bool:
        """Whether the objective is that of signal and background."""
        return self.objective == "logistic"

    def require_target(self, target: Target) -> None:
        """Raise RequestError where labels are a vector; each component of other vectors has trees of its own."""
        if self.learns_labels:
            super().require_target(target)

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """Return the features; raises RequestError where XGBoost does not allow a name."""
        if bad := [name for name in resolved if set(name) & _FORBIDDEN]:
            raise RequestError(f"features: XGBoost takes no name with [, ] or <: call column '{bad[0]}' something else")
        return super().inputs(resolved)

    def demands(self) -> Demands:
        """Return the number of workers, and a GPU unless the device is cpu."""
        return Demands(self.workers, gpu=self.device != "cpu")

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Fit the trees; on one worker the same data and seed give the same model bit for bit.

        A resumed training is the exception: XGBoost does not save the state of its random numbers, so the rounds after
        the last checkpoint draw other rows and columns; a remark in the facts says from which round on.
        """
        work.folder.mkdir(parents=True, exist_ok=True)
        if self.workers == 1:
            rows = self._rows(work, WHOLE)
            return self._fit(work, rows, Together(rows.looks, rows.some_targets), self._device(work), report)
        from lineshape.engine.learning.launch.launch import FACTS, launch, read_facts

        launch(work, report)
        return read_facts(work.scratch / FACTS) if work.node == 0 else {}

    def take_part(self, work: TrainingTask, rank: int, size: int, report: Report) -> None:
        """Fit trees as one of several ranks, each on its share of the shards."""
        from lineshape.engine.learning.launch.launch import FACTS
        from lineshape.engine.learning.launch.tree_rank import gather, meet

        rows, device = self._rows(work, (rank, size)), self._device(work)
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
        with meet(rank, size):
            shares = gather((rows.looks, rows.some_targets))
            looks = {split: together(look[split] for look, _ in shares) for split in SPLITS}
            whole = Together(looks, np.concatenate([targets for _, targets in shares]))
            facts = self._fit(work, rows, whole, device, report, first=rank == 0)
        if rank == 0:
            told = [f"trained by {size} ranks: not the trees of one, and not always the same bits", *facts[REMARKS]]
            write_json(work.scratch / FACTS, facts | {"ranks": size, REMARKS: told})

    def _rows(self, work: TrainingTask, share: Share) -> RowFile:
        columns = self._columns(work.data.x_columns)
        rows = RowFile.write(work.data, columns, work.scratch / f"rows.{share[0]}.of.{share[1]}", share)
        if share != WHOLE and not all(rows.count(split) for split in SPLITS):
            raise RunError(
                f"workers: {share[1]} share the shards, and one has no rows; make chunks smaller, or ask for fewer"
            )
        return rows

    def _columns(self, features: tuple[str, ...]) -> Columns:
        """Return the columns of the rows of the training."""
        classes = 2 if self.objective == "logistic" else None
        return Columns(features, weight=weight_column(self.weight), classes=classes)

    def _fit(
        self, work: TrainingTask, rows: RowFile, whole: Together, device: str, report: Report, first: bool = True
    ) -> dict[str, Any]:
        """Check the rows, boost round by round, and return the facts; first: whether this rank writes the trees."""
        from lineshape.engine.learning.launch.boosting import boost, matrices

        columns = self._columns(work.data.x_columns)
        told = require_learnable(whole.looks, columns, work.data.target.truths, TREES)
        parameters = self.parameters(work.seed, whole.targets if rows.targets == 1 else None, device)
        stops = Stops(self.rounds, self.early_stopping, self.checkpoint)
        memory = self.memory * 2**30 if self.memory else default_memory()
        with matrices(rows, self.bins, memory) as split:
            boosted = boost(parameters, split, stops, work, report, first)
        best = boosted.best
        best.feature_names = list(work.data.features)
        if first:
            # XGBoost takes bytes as they are, and some paths for something else.
            with replacing(work.folder / _FILE) as temporary:
                temporary.write_bytes(best.save_raw("ubj"))
        gain: dict[str, Any] = dict(best.get_score(importance_type="total_gain"))
        total = sum(gain.values())
        told += self._remarks(best, rows, work, read_history(work.folder))
        if boosted.resumed:
            told.append(
                f"went on from round {boosted.resumed} after it died: not the trees that an undisturbed training makes"
            )
        return {
            "rounds": boosted.rounds,
            "validation_loss": min(boosted.scores),
            **{f"{name}_rows": whole.looks[name].rows for name in SPLITS},
            "loss": _OBJECTIVES[self.objective][1],
            "device": device,
            **({"resumed": boosted.resumed} if boosted.resumed else {}),
            REMARKS: told,
            "importance": {name: round(value / total, 5) for name, value in sorted(gain.items(), key=lambda i: -i[1])},
        }

    def _remarks(
        self, best: "xgboost.Booster", rows: RowFile, work: TrainingTask, history: Sequence[Mapping[str, float]]
    ) -> list[str]:
        """Return remarks on trees, from some of the validation rows."""
        import xgboost

        places = remarks.chosen(rows.count("validation"), work.seed)
        x, target = rows.at("validation", places)
        classes = 2 if self.objective == "logistic" else None
        sample = remarks.RowSample(work.data.features, x, target, classes, work.data.target.per)
        said = best.predict(xgboost.DMatrix(x, feature_names=best.feature_names, nthread=threads()))
        # The rows are in random order, so that a shift by one row is a permutation.
        losses = self._losses(said, target), self._losses(np.roll(said, 1, axis=0), target)
        # Where features are permuted on purpose, it is intended that nothing is learnt.
        course = [] if work.data.choice.shuffled else remarks.on_gain(*losses) or remarks.on_history(history, "rounds")
        return [*remarks.on_features(sample), *course]

    def _losses(self, said: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the loss of each row, (n,), the mean over the components for a vector."""
        a, b = said.astype(np.float64), target.astype(np.float64)
        if self.objective == "logistic":
            a = a.clip(1e-12, 1 - 1e-12)
            return np.asarray(-np.where(b > 0, np.log(a), np.log(1 - a)))
        found = {
            "absolute_error": np.abs(a - b),
            "squared_error": (a - b) ** 2,
            "huber": np.hypot(1, (a - b) / self.huber_slope) - 1,
        }[self.objective]
        return found if found.ndim == 1 else np.asarray(found.mean(axis=1))

    def _device(self, work: TrainingTask) -> str:
        return "cuda" if self.device == "cuda" or (self.device == "auto" and work.gpu) else "cpu"

    def parameters(self, seed: int, targets: NDArray[np.float32] | None, device: str) -> dict[str, Any]:
        """Return the parameters by XGBoost's names.

        targets: training targets that the start value is computed from; None for a vector, for which XGBoost finds the
        start value of each component.
        """
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
            "device": device,
            **({} if targets is None else {"base_score": self._start(targets)}),
            "nthread": threads(),
            "seed": seed,
        }

    def _start(self, target: NDArray[np.float32]) -> float:
        """Return the start value: the median, as a few targets of 50 would shift the mean; of labels, the mean."""
        if self.objective == "logistic":
            return float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
        return float(np.median(target))

    def booster(self, folder: Path) -> "xgboost.Booster":
        """Return the trees; raises RunError where their file is damaged."""
        import xgboost

        with reading_bundle(folder / _FILE):
            content = bytearray((folder / _FILE).read_bytes())
            return xgboost.Booster({"nthread": threads(), "device": "cpu"}, model_file=content)

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """Return the prediction of the trees."""
        import xgboost

        booster = self.booster(folder)

        def predict(x: NDArray[np.float64], _: Mapping[str, Jagged]) -> Output:
            rows = xgboost.DMatrix(x.astype(np.float32), feature_names=booster.feature_names, nthread=threads())
            return Output(booster.predict(rows).astype(np.float64))

        return predict
