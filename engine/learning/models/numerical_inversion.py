"""Calibrate a quantity by numerical inversion of its mean response, in bins of the true value and of other columns.

Source: the standard calibration of jets at ATLAS; A. Cukierman and B. Nachman, Nucl. Instrum. Meth. A 858 (2017) 1,
arXiv:1609.05195, on when it closes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from lineshape.engine.core.errors import RequestError, RunError
from lineshape.engine.core.files import write_json
from lineshape.engine.core.jagged import Jagged
from lineshape.engine.core.records import read_record
from lineshape.engine.core.split import Target
from lineshape.engine.learning.fit.history import write_history
from lineshape.engine.learning.roles.dataset import Dataset
from lineshape.engine.learning.roles.model import REMARKS, Model, Output, Report
from lineshape.engine.learning.roles.training_task import TrainingTask

Floats = NDArray[np.float64]
_FILE: Final = "curves.json"


@dataclass(frozen=True)
class _Curves:
    """Points of curves, as logarithms of true and measured values. ratio: whether the target is over the latter."""

    ratio: bool
    curves: dict[str, list[list[float]]]


class NumericalInversion(Model):
    """Calibration f⁻¹ of a measured quantity, where f(t) = R(t) t and R is the centre of measured/true at true value t.

    The curve is of points, straight between them in logarithms, and has the response of its first or last point beyond
    them. It does not depend on the spectrum that it is learnt from, but for how many objects are in a bin.
    """

    estimate: str
    """Column of the measured quantity, above zero, in the unit of the truth."""
    by: dict[str, Annotated[list[float], Field(min_length=2)]] = {}
    """Edges of bins of other columns, each with a curve of its own; what is beyond them is in the bin at the edge."""
    bins: Annotated[int, Field(ge=2)] = 25
    """Largest number of points of a curve, in bins of the true value with about as many objects each."""
    least: Annotated[int, Field(ge=20)] = 400
    """Smallest number of objects of a bin of the true value."""
    centre: Literal["median", "mode", "gaussian"] = "median"
    """Centre of the response in a bin: its median, its mode (of half samples), or the mean of its Gaussian core."""

    @property
    def draws(self) -> bool:
        """Whether its training draws random numbers: it does not."""
        return False

    @model_validator(mode="after")
    def _edges_rise(self) -> Self:
        for name, edges in self.by.items():
            if sorted({*edges}) != edges:
                raise ValueError(f"by.{name}: expected edges that rise, found {edges}")
        if idle := self.model_fields_set & {"features", "without", "shuffled"}:
            raise ValueError(f"{sorted(idle)[0]}: it reads 'estimate' and the columns of 'by' alone; leave it out")
        return self

    def inputs(self, resolved: list[str]) -> tuple[str, ...]:
        """Return the measured quantity and the columns that curves are by."""
        return (self.estimate, *self.by)

    def require_target(self, target: Target) -> None:
        """Raise RequestError where the target is a vector, or is divided by another column than the measured one."""
        super().require_target(target)
        if target.per not in {None, self.estimate}:
            raise RequestError(
                f"estimate: the target is divided by '{target.per}', and this calibrates '{self.estimate}': expected "
                f"the same column, or 'per: null' in the model"
            )

    def train(self, work: TrainingTask, report: Report) -> dict[str, object]:
        """Find the points of each curve on the training split, and write them with what they leave on validation."""
        rows = zip(*self._rows(work.data, "training"), strict=True)
        cells, truth, measured = (np.concatenate(each) for each in rows)
        curves, remarks = {}, []
        for cell in range(self._number):
            chosen = cells == cell
            curve = self._curve(truth[chosen], measured[chosen])
            if curve is None:
                number = int(chosen.sum())
                remarks.append(f"{self._words(cell)}: {number:,} objects are too few, it has the nearest curve")
                continue
            points, falls = curve
            if falls:
                remarks.append(
                    f"{self._words(cell)}: the measured quantity falls with the true one at {falls} of "
                    f"{len(points[0])} points, where it was held: no true value is told from others there"
                )
            curves[str(cell)] = [each.tolist() for each in points]
        if not curves:
            raise RunError(f"no bin has {2 * self.least:,} objects with a measured and a true value above zero")
        work.folder.mkdir(parents=True, exist_ok=True)
        write_json(work.folder / _FILE, {"ratio": bool(work.data.target.per), "curves": curves})
        losses = {split: self._loss(work.data, split, curves) for split in ("training", "validation")}
        write_history(work.folder, [{"step": 1, **losses}])
        report(1, 1, "")
        return {"validation_loss": losses["validation"], "curves": len(curves), REMARKS: remarks}

    @property
    def _number(self) -> int:
        return int(np.prod([len(edges) - 1 for edges in self.by.values()], dtype=int))

    def _cells(self, others: Floats) -> NDArray[np.int64]:
        """Return the number of the curve of each row; others: the columns of `by`, (n, columns)."""
        found = np.zeros(len(others), dtype=np.int64)
        for column, edges in zip(others.T, self.by.values(), strict=True):
            place = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, len(edges) - 2)
            found = found * (len(edges) - 1) + place
        return found

    def _words(self, cell: int) -> str:
        """Return the bins of a curve in words."""
        words: list[str] = []
        for name, edges in reversed(self.by.items()):
            cell, place = divmod(cell, len(edges) - 1)
            words.insert(0, f"{name} {edges[place]:g} to {edges[place + 1]:g}")
        return ", ".join(words) or "the curve"

    def _rows(self, data: Dataset, split: Literal["training", "validation"]) -> Iterator[tuple[NDArray[Any], ...]]:
        """Yield curve, true and measured value of rows that have them, shard by shard."""
        for table, target in data.tables(split, [*data.x_columns]):
            x = np.array([table[name] for name in data.x_columns], dtype=np.float64).T
            measured, truth = x[:, 0], target.astype(np.float64)
            if data.target.per:
                truth = truth * measured
            usable = np.isfinite(x).all(axis=1) & (measured > 0) & (truth > 0)
            yield self._cells(x[usable, 1:]), truth[usable], measured[usable]

    def _curve(self, truth: Floats, measured: Floats) -> tuple[tuple[Floats, Floats], int] | None:
        """Return logarithms of true and measured values of points, and at how many the latter fell.

        None where there are too few objects.
        """
        number = min(self.bins, len(truth) // self.least)
        if number < 2:
            return None
        order = np.argsort(truth, kind="stable")
        parts = np.array_split(order, number)
        centres = np.array([np.median(truth[part]) for part in parts])
        response = np.array([CENTRES[self.centre](measured[part] / truth[part]) for part in parts])
        reached = np.log(centres * response)
        held = np.maximum.accumulate(reached)
        return (np.log(centres), held), int((held > reached).sum())

    def _loss(
        self, data: Dataset, split: Literal["training", "validation"], curves: Mapping[str, list[list[float]]]
    ) -> float:
        """Return the mean |ln(calibrated/true)| of a split."""
        total, number = 0.0, 0
        calibrate = self._calibration(curves)
        for cells, truth, measured in self._rows(data, split):
            total += float(np.abs(np.log(calibrate(cells, measured) / truth)).sum())
            number += len(truth)
        return total / max(number, 1)

    def _calibration(self, curves: Mapping[str, list[list[float]]]) -> Callable[[NDArray[np.int64], Floats], Floats]:
        """Return the true value of rows, by curve and measured value; a bin without a curve has the nearest one's."""
        shape = [len(edges) - 1 for edges in self.by.values()] or [1]
        known = {int(cell): np.array(np.unravel_index(int(cell), shape)) for cell in curves}

        def nearest(cell: int) -> str:
            place = np.array(np.unravel_index(cell, shape))
            return str(min(known, key=lambda other: int(np.abs(known[other] - place).sum())))

        def calibrate(cells: NDArray[np.int64], measured: Floats) -> Floats:
            found = np.full(len(measured), np.nan)
            for cell in np.unique(cells):
                chosen = cells == cell
                true, reached = (np.asarray(each) for each in curves[nearest(int(cell))])
                value = np.log(measured[chosen])
                inside = np.interp(value, reached, true)
                beyond = value - np.clip(value, reached[0], reached[-1])
                found[chosen] = np.exp(inside + beyond)
            return found

        return calibrate

    def load(self, folder: Path) -> Callable[[Floats, Mapping[str, Jagged]], Output]:
        """Return the prediction: the calibrated quantity; NaN where the measured one is not above zero."""
        known = read_record(folder / _FILE, _Curves, "train it again")
        calibrate = self._calibration(known.curves)

        def predict(x: Floats, _: Mapping[str, Jagged]) -> Output:
            measured = np.where(x[:, 0] > 0, x[:, 0], np.nan)
            found = calibrate(self._cells(x[:, 1:]), measured)
            return Output(found / measured if known.ratio else found)

        return predict


def half_sample_mode(values: Floats) -> float:
    """Return the mode: the half of the values that is narrowest, of it the narrowest half, and so on.

    Source: D. Bickel and R. Frühwirth, Comput. Stat. Data Anal. 50 (2006) 3500.
    """
    left = np.sort(values)
    while len(left) > 3:
        half = -(-len(left) // 2)
        start = int(np.argmin(left[half - 1 :] - left[: len(left) - half + 1]))
        left = left[start : start + half]
    if len(left) == 3:
        low, high = left[1] - left[0], left[2] - left[1]
        left = left[:2] if low < high else left[1:] if high < low else left[1:2]
    return float(left.mean())


#: Widths from the centre that the Gaussian core reaches, and the width of what is left of a Gaussian between them.
_WITHIN: Final = 1.5
_CUT: Final = 0.74265


def core_mean(values: Floats) -> float:
    """Return the mean of the Gaussian core: of values within 1.5 widths, again and again until it stays."""
    centre, width = float(np.median(values)), float(np.subtract(*np.quantile(values, [0.84, 0.16])) / 2)
    for _ in range(50):
        core = values[np.abs(values - centre) <= _WITHIN * width]
        if len(core) < 3:
            break
        new, width = float(core.mean()), float(core.std()) / _CUT
        if abs(new - centre) < 1e-6 * max(width, 1e-12):
            return new
        centre = new
    return centre


#: Centres of a response, by name.
CENTRES: Final[Mapping[str, Callable[[Floats], float]]] = {
    "median": lambda values: float(np.median(values)),
    "mode": half_sample_mode,
    "gaussian": core_mean,
}
