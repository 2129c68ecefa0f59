"""Boosted trees (XGBoost), fed from shards into a quantised matrix: the baseline."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.errors import RunError, reading_bundle
from lineshape.engine.files import read_json, replacing, write_json
from lineshape.engine.jagged import Jagged
from lineshape.engine.kinds import KindSpec
from lineshape.engine.learning.dataset import SPLITS, Dataset
from lineshape.engine.learning.history import History, read_history, standing
from lineshape.engine.learning.memory import default_memory
from lineshape.engine.learning.models.model import Demands, Model, Output, Report
from lineshape.engine.learning.spool import Spool
from lineshape.engine.learning.threads import threads
from lineshape.engine.learning.weights.weight import Weight, built_weight, weight_column, weight_reads
from lineshape.engine.learning.work import Work
from lineshape.engine.shards import WHOLE, Share
from lineshape.engine.split import SplitName, Target

if TYPE_CHECKING:
    import xgboost

_FILE = "trees.ubj"
_CHECKPOINT = "checkpoint.ubj"
#: Targets that the score to begin with is found from; of more, evenly spaced ones.
_MOST_TARGETS = 20_000_000
_OBJECTIVES = {
    "squared_error": ("reg:squarederror", "rmse"),
    "huber": ("reg:pseudohubererror", "mphe"),
    "absolute_error": ("reg:absoluteerror", "mae"),
    "logistic": ("binary:logistic", "logloss"),
}


class BoostedTrees(Model):
    """Gradient-boosted trees.

    rounds: the most; early_stopping: rounds without a better validation score after which it stops. huber_slope: where
    the pseudo-Huber loss turns from squared to absolute, in the target's own units. weight: the column of each row's
    weight. checkpoint: rounds after which the trees are saved, so that a training that is killed goes on from there.
    memory: GiB that the quantised rows may take; more is kept on disk. device: cpu, cuda, or what there is.
    workers: Dask workers that train together, each with a share of the shards, for data that no node can hold. What
    they say to each other is XGBoost's own, not encrypted, and they listen on all interfaces: not for an open network.
    """

    objective: Literal["squared_error", "huber", "absolute_error", "logistic"] = "squared_error"
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
    weight: str | KindSpec | None = None
    checkpoint: Annotated[int, Field(gt=0)] = 200
    memory: Annotated[float, Field(gt=0)] | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Field(gt=0)] = 1

    def trained_on(self) -> tuple[str, ...]:
        """What the weight is made of."""
        return weight_reads(self.weight)

    def weighed_by(self) -> Weight | None:
        """The weight's kind with its settings."""
        return built_weight(self.weight)

    def parts(self) -> list[object]:
        """The model and its weight."""
        return [self, *filter(None, [self.weighed_by()])]

    @model_validator(mode="after")
    def _weight_is_a_kind(self) -> Self:
        _ = self.weighed_by()
        return self

    @property
    def learns_labels(self) -> bool:
        """Whether the objective is of signal and background."""
        return self.objective == "logistic"

    def require_target(self, target: Target) -> None:
        """Raise RequestError where labels are a vector; of one that is none each component has trees of its own."""
        if self.learns_labels:
            super().require_target(target)

    def demands(self) -> Demands:
        """Workers, and a GPU where there is one."""
        return Demands(self.workers, gpu=self.device != "cpu")

    def train(self, work: Work, report: Report) -> dict[str, object]:
        """Fit the trees; on one worker the same data and seed give the same model bit for bit.

        But for a training that died: XGBoost does not save where its random numbers stand, so the rounds after the last
        checkpoint draw other rows and columns; a remark in the facts says from which round on.
        """
        work.folder.mkdir(parents=True, exist_ok=True)
        if self.workers == 1:
            return self._fit(work, self._rows(work, WHOLE), self._device(work), report)
        from lineshape.engine.learning.launch import FACTS, launch

        launch(work, report)
        facts: dict[str, object] = read_json(work.scratch / FACTS) if work.node == 0 else {}
        return facts

    def take_part(self, work: Work, rank: int, size: int, report: Report) -> None:
        """Fit trees with others, each rank with its share of the shards."""
        from lineshape.engine.learning.launch import FACTS
        from lineshape.engine.learning.tree_rank import together

        rows, device = self._rows(work, (rank, size)), self._device(work)
        if device == "cuda":
            device = f"cuda:{os.environ['LOCAL_RANK']}"
        with together(rank, size):
            facts = self._fit(work, rows, device, report, first=rank == 0)
        if rank == 0:
            remark = f"trained by {size} ranks: not the trees of one, and not always the same bits"
            counts = {f"{split}_rows": work.data.count(split) for split in SPLITS}  # of all shares
            write_json(work.scratch / FACTS, facts | counts | {"ranks": size, "remark": remark})

    def _rows(self, work: Work, share: Share) -> Spool:
        rows = Spool.write(
            work.data, weight_column(self.weight), work.scratch / f"rows.{share[0]}.of.{share[1]}", share
        )
        if not all(rows.count(split) for split in SPLITS):
            raise RunError(
                f"workers: {share[1]} share the shards, and one has no rows; make chunks smaller, or ask for fewer"
            )
        return rows

    def _fit(self, work: Work, rows: Spool, device: str, report: Report, first: bool = True) -> dict[str, object]:
        """Round by round, saved now and then by the first of those that share the rows; goes on from what is saved."""
        import xgboost

        training = self.matrix(rows, "training")
        validation = self.matrix(rows, "validation", training)
        saved = work.scratch / _CHECKPOINT
        # Of what is on disk the first speaks for all: a shared disk may show others less.
        left, past = (saved.read_bytes(), read_history(work.folder)) if saved.is_file() and first else (b"", [])
        if xgboost.collective.is_distributed():
            left, past = xgboost.collective.broadcast((left, past), 0)
        parameters = self.parameters(work.seed, work.data, device)
        booster = xgboost.Booster(parameters, [training, validation], bytearray(left) or None)
        _require_device(booster, device)
        done = resumed = booster.num_boosted_rounds()
        scores = [line["validation"] for line in past if line["step"] <= done]
        history = History(work.folder, done) if first else None
        while done < self.rounds and done - _best(scores) < self.early_stopping:
            booster.update(training, done)
            losses = _scores(booster.eval_set([(training, "training"), (validation, "validation")], done))
            done += 1
            scores.append(losses["validation"])
            if not history:
                continue
            history.add(done, losses)
            if done % 10 == 1:
                report(done, self.rounds, standing(scores))
            if done % self.checkpoint == 0:
                with replacing(saved) as temporary:
                    temporary.write_bytes(booster.save_raw("ubj"))
        best = booster[: _best(scores)]
        best.feature_names = list(work.data.features)
        if first:
            best.save_model(work.folder / _FILE)
        gain: dict[str, Any] = dict(best.get_score(importance_type="total_gain"))
        total = sum(gain.values())
        remark = f"went on from round {resumed} after it died: not the trees of a training that nothing disturbed"
        return {
            "rounds": _best(scores),
            "validation_loss": min(scores),
            **{f"{split}_rows": rows.count(split) for split in SPLITS},
            "loss": _OBJECTIVES[self.objective][1],
            "device": device,
            **({"resumed": resumed, "remark": remark} if resumed else {}),
            "importance": {name: round(value / total, 5) for name, value in sorted(gain.items(), key=lambda i: -i[1])},
        }

    def _device(self, work: Work) -> str:
        return "cuda" if self.device == "cuda" or (self.device == "auto" and work.gpu) else "cpu"

    def matrix(self, rows: Spool, split: SplitName, ref: "xgboost.DMatrix | None" = None) -> "xgboost.DMatrix":
        """The rows in quantised form, in memory where they fit, else on disk beside the rows."""
        import xgboost

        bytes_a_value = 1 if self.bins <= 256 else 2
        size = sum(rows.count(each) for each in SPLITS) * rows.features * bytes_a_value
        limit = self.memory * 2**30 if self.memory else default_memory()
        shared = {"max_bin": self.bins, "nthread": threads(), "ref": ref}
        if size <= limit:
            return xgboost.QuantileDMatrix(_blocks(rows, split, None), **shared)
        cache = rows.folder / "cache" / split
        cache.parent.mkdir(parents=True, exist_ok=True)
        return xgboost.ExtMemQuantileDMatrix(_blocks(rows, split, cache), **shared)

    def parameters(self, seed: int, data: Dataset, device: str) -> dict[str, Any]:
        """As XGBoost names them."""
        objective, metric = _OBJECTIVES[self.objective]
        alone = len(data.target.truths) == 1  # of a vector XGBoost finds where each component begins
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
            **({"base_score": self._start(data.targets("training", _MOST_TARGETS))} if alone else {}),
            "nthread": threads(),
            "seed": seed,
        }

    def _start(self, target: NDArray[np.float32]) -> float:
        """A median: a few targets of 50 would pull the mean away from all others. Of labels the share of signal."""
        if self.objective == "logistic":
            return float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
        return float(np.median(target))

    def booster(self, folder: Path) -> "xgboost.Booster":
        """The trees; raises RunError where their file is damaged."""
        import xgboost

        with reading_bundle(folder / _FILE):
            return xgboost.Booster({"nthread": threads(), "device": "cpu"}, model_file=folder / _FILE)

    def load(self, folder: Path) -> Callable[[NDArray[np.float64], Mapping[str, Jagged]], Output]:
        """The trees' sum."""
        import xgboost

        booster = self.booster(folder)

        def predict(x: NDArray[np.float64], _: Mapping[str, Jagged]) -> Output:
            rows = xgboost.DMatrix(x.astype(np.float32), feature_names=booster.feature_names, nthread=threads())
            return Output(booster.predict(rows).astype(np.float64))

        return predict


def _require_device(booster: "xgboost.Booster", device: str) -> None:
    """XGBoost takes the CPU, with no more than a warning, where it finds no GPU."""
    from lineshape.engine.learning.launch import no_gpu

    found = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if device.startswith("cuda") and not found.startswith("cuda"):
        raise no_gpu("XGBoost")


def _best(scores: list[float]) -> int:
    """Rounds up to the best of these, the first of equal ones."""
    return int(np.argmin(scores)) + 1 if scores else 0


def _scores(said: str) -> dict[str, float]:
    r"""What XGBoost says after a round: `[7]\ttraining-rmse:0.1\tvalidation-rmse:0.2`."""
    pairs = (part.rsplit(":", 1) for part in said.split("\t")[1:])
    return {name.partition("-")[0]: float(value) for name, value in pairs}


def _blocks(rows: Spool, split: SplitName, cache: Path | None) -> "xgboost.DataIter":
    """The rows of a split, block by block, so that the float matrix is never held."""
    import xgboost

    class Blocks(xgboost.DataIter):
        def __init__(self) -> None:
            self._blocks: Iterator[Any] = iter(())
            super().__init__(cache_prefix=str(cache) if cache else None)

        def next(self, input_data: Callable[..., None]) -> bool:
            for x, target, weights in self._blocks:
                input_data(data=x, label=target, weight=weights)
                return True
            return False

        def reset(self) -> None:
            self._blocks = rows.blocks(split)

    return Blocks()
