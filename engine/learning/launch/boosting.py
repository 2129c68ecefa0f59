"""Boost trees round by round, with checkpoints. This module imports xgboost; import it where it is used."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from lineshape.engine.core.files import replacing
from lineshape.engine.core.records import sealed_bytes, unsealed_bytes
from lineshape.engine.core.split import SplitName
from lineshape.engine.learning.data.rounds import Stops
from lineshape.engine.learning.data.row_file import RowFile
from lineshape.engine.learning.fit.history import History, read_history, require_finite, standing
from lineshape.engine.learning.fit.resources import threads
from lineshape.engine.learning.launch.launch import no_gpu
from lineshape.engine.learning.roles.dataset import SPLITS
from lineshape.engine.learning.roles.model import Report
from lineshape.engine.learning.roles.training_task import TrainingTask

_CHECKPOINT = "checkpoint.ubj"


@dataclass(frozen=True)
class Boosted:
    """Result of boosting.

    best: trees up to the best round. scores: validation loss of each round. resumed: number of rounds in the checkpoint
    that the training resumed from, 0 without one.
    """

    best: xgboost.Booster
    scores: list[float]
    resumed: int

    @property
    def rounds(self) -> int:
        """Number of rounds up to the best."""
        return _best(self.scores)


@contextmanager
def matrices(rows: RowFile, bins: int, memory: float) -> Iterator[dict[SplitName, xgboost.DMatrix]]:
    """Provide the quantised matrix of each split, in memory where they fit, else on disk beside the rows.

    memory: bytes that the matrices may take together.
    """
    size = sum(rows.count(split) for split in SPLITS) * rows.features * (1 if bins <= 256 else 2)
    with _cache(rows.folder, size > memory) as cache:
        kind = xgboost.ExtMemQuantileDMatrix if cache else xgboost.QuantileDMatrix
        made: dict[SplitName, xgboost.DMatrix] = {}
        for split in SPLITS:
            blocks = _blocks(rows, split, cache / split if cache else None)
            made[split] = kind(blocks, max_bin=bins, nthread=threads(), ref=made.get("training"))
        try:
            yield made
        finally:
            made.clear()  # they remove what is in the cache, and so must go before it does


@contextmanager
def _cache(folder: Path, needed: bool) -> Iterator[Path | None]:
    """Provide a folder beside the rows, by a link whose name XGBoost can read, unlike one with `é` or `?` in it."""
    if not needed:
        yield None
        return
    (folder / "cache").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lineshape-") as place:
        link = Path(place) / "cache"
        link.symlink_to((folder / "cache").resolve(), target_is_directory=True)
        yield link


def boost(
    parameters: dict[str, Any],
    split: dict[SplitName, xgboost.DMatrix],
    stops: Stops,
    work: TrainingTask,
    report: Report,
    first: bool,
) -> Boosted:
    """Boost round by round until `stops` or no improvement, resuming from the last checkpoint.

    first: whether this rank, the first, writes history and checkpoints. Raises RunError where a loss is not finite, or
    XGBoost does not find the GPU that was asked for.
    """
    training, validation = split["training"], split["validation"]
    saved = work.scratch / _CHECKPOINT
    # The first rank reads the checkpoint for all: a shared disk may show other ranks an older state.
    left, past = _left(saved, work) if first else (b"", [])
    if xgboost.collective.is_distributed():
        left, past = xgboost.collective.broadcast((left, past), 0)
    booster = xgboost.Booster(parameters, [training, validation], bytearray(left) or None)
    _require_device(booster, str(parameters["device"]))
    done = resumed = booster.num_boosted_rounds()
    scores = [line["validation"] for line in past if line["step"] <= done]
    history = History(work.folder, done) if first else None
    while done < stops.rounds and done - _best(scores) < stops.early:
        booster.update(training, done)
        losses = _scores(booster.eval_set([(training, "training"), (validation, "validation")], done))
        done += 1
        require_finite(losses, f"in round {done}", "look for outliers in target and weights, or lower 'rate'")
        scores.append(losses["validation"])
        if not history:
            continue
        history.add(done, losses)
        if done % 10 == 1:
            report(done, stops.rounds, standing(scores))
        if done % stops.checkpoint == 0:
            with replacing(saved) as temporary:
                temporary.write_bytes(sealed_bytes(bytes(booster.save_raw("ubj"))))
    return Boosted(booster[: _best(scores)], scores, resumed)


def _left(saved: Path, work: TrainingTask) -> tuple[bytes, list[dict[str, Any]]]:
    """Return the checkpoint of an earlier attempt, and its history; empty where there is none or it is damaged."""
    left = unsealed_bytes(saved.read_bytes()) if saved.is_file() else None
    return (left, read_history(work.folder)) if left else (b"", [])


def _require_device(booster: xgboost.Booster, device: str) -> None:
    """Raise RunError where XGBoost has found no GPU: it then uses the CPU, with no more than a warning."""
    found = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if device.startswith("cuda") and not found.startswith("cuda"):
        raise no_gpu("XGBoost")


def _best(scores: list[float]) -> int:
    """Return the number of rounds up to the lowest score, the first of equal ones."""
    return int(np.argmin(scores)) + 1 if scores else 0


def _scores(said: str) -> dict[str, float]:
    r"""Return the scores in XGBoost's message after a round: `[7]\ttraining-rmse:0.1\tvalidation-rmse:0.2`."""
    pairs = (part.rsplit(":", 1) for part in said.split("\t")[1:])
    return {name.partition("-")[0]: float(value) for name, value in pairs}


def _blocks(rows: RowFile, split: SplitName, cache: Path | None) -> xgboost.DataIter:
    """Return an iterator over the rows of a split, block by block, so that the float matrix is never held."""

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
