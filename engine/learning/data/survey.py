"""Check the rows of a training before anything is learnt from them, in the same way for every kind of model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError, listing
from lineshape.engine.core.split import SplitName
from lineshape.engine.learning.data.columns import Columns
from lineshape.engine.learning.roles.weight import WEIGHT

Numbers = NDArray[Any]


@dataclass(frozen=True)
class Takes:
    """Rows that a kind of model accepts.

    who: the kind of model, in messages. missing: whether features may be NaN. negative: whether weights may be below
    zero. constant: whether features, if not all, may be the same in all rows, from which nothing is learnt.
    """

    who: str
    missing: bool = False
    negative: bool = False
    constant: bool = False


#: A constant feature has no width to be scaled by, and is refused.
NETWORKS = Takes("a network", negative=True)
#: XGBoost refuses negative weights and infinite values.
TREES = Takes("boosted trees", missing=True, constant=True)


@dataclass
class Look:
    """Statistics of the rows of a split, accumulated shard by shard.

    rows: their number. nan, infinite, low, high: numbers of NaN and infinite values, minimum and maximum, of each flat
    column and each component of the target. negative: number of weights below zero. weight: sum of all weights. labels:
    number of rows of each label, and the sum of their weights. lists: minimum and maximum of each column of lists.
    """

    rows: int = 0
    nan: list[int] = field(default_factory=list)
    infinite: list[int] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    negative: int = 0
    weight: float = 0.0
    labels: dict[float, tuple[int, float]] = field(default_factory=dict)
    lists: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Numbers, columns: Columns) -> Self:
        """Return the statistics of rows (n, flat columns + components of the target)."""
        if not len(rows):
            return cls()
        look = cls(
            len(rows),
            np.isnan(rows).sum(axis=0).tolist(),
            np.isinf(rows).sum(axis=0).tolist(),
            np.fmin.reduce(rows, axis=0).tolist(),
            np.fmax.reduce(rows, axis=0).tolist(),
        )
        weight = rows[:, columns.flat.index(columns.weight)] if columns.weight else np.ones(len(rows), np.float32)
        look.negative, look.weight = int((weight < 0).sum()), float(weight.sum(dtype=np.float64))
        if columns.classes:
            labels, place = np.unique(rows[:, -1], return_inverse=True, equal_nan=True)
            counts, weights = np.bincount(place), np.bincount(place, weight)
            for label, number, sum_of_it in zip(labels, counts, weights, strict=True):
                look.labels[float(label)] = int(number), float(sum_of_it)
        return look

    def add_lists(self, names: Sequence[str], lists: Sequence[Any]) -> None:
        """Add the minimum and maximum of the lists of these rows."""
        for name, each in zip(names, lists, strict=True):
            if len(each.content):
                self._widen(name, float(each.content.min()), float(each.content.max()))

    def __add__(self, other: "Look") -> "Look":
        """Return the statistics of the rows of both."""
        if not (self.rows and other.rows):
            return self if self.rows else other
        both = Look(
            self.rows + other.rows,
            [a + b for a, b in zip(self.nan, other.nan, strict=True)],
            [a + b for a, b in zip(self.infinite, other.infinite, strict=True)],
            np.fmin(self.low, other.low).tolist(),
            np.fmax(self.high, other.high).tolist(),
            self.negative + other.negative,
            self.weight + other.weight,
            dict(self.labels),
            dict(self.lists),
        )
        for label, (number, weight) in other.labels.items():
            before = both.labels.get(label, (0, 0.0))
            both.labels[label] = before[0] + number, before[1] + weight
        for name, ends in other.lists.items():
            both._widen(name, *ends)
        return both

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; labels become pairs, as the keys of a JSON object are strings."""
        return asdict(self) | {"labels": list(self.labels.items())}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the statistics that `to_json` has converted."""
        labels = {label: (number, weight) for label, (number, weight) in values["labels"]}
        lists = {name: (low, high) for name, (low, high) in values["lists"].items()}
        return cls(**{**values, "labels": labels, "lists": lists})

    def _widen(self, name: str, low: float, high: float) -> None:
        before = self.lists.get(name, (np.inf, -np.inf))
        self.lists[name] = min(before[0], low), max(before[1], high)


def together(looks: Iterable[Look]) -> Look:
    """Return the sum of these statistics."""
    return reduce(lambda a, b: a + b, looks, Look())


def require_learnable(
    looks: Mapping[SplitName, Look], columns: Columns, targets: Sequence[str], takes: Takes
) -> list[str]:
    """Return remarks on rows that can be learnt from.

    looks: statistics of each split. targets: columns of the target. takes: what the kind of model accepts.

    Raises RunError, naming the column and the counts, where nothing can be learnt: a value that is missing or infinite,
    a label that is not of a class, a class without rows, weights whose sum is not above zero.
    """
    for split, look in looks.items():
        if not look.rows:
            raise RunError(f"there are no {split} rows: see the cut flow of the processing")
        _require_values(look, columns, targets, takes)
        _require_labels(look, columns, targets[0])
    training = looks["training"]
    _require_lists(training, columns)
    _require_target(training, columns, targets)
    if empty := [label for label in range(columns.classes or 0) if label not in training.labels]:
        raise RunError(
            f"column {targets[0]}: no training rows of class {', '.join(map(str, empty))}; there are "
            + ", ".join(f"{number:,} of {label:g}" for label, (number, _) in sorted(training.labels.items()))
        )
    for split, look in looks.items():
        _require_weight(look, columns, takes, split)
    return [*_constant(training, columns, takes), *_weightless(training, columns, targets[0])]


def _require_values(look: Look, columns: Columns, targets: Sequence[str], takes: Takes) -> None:
    names = [*map(_called, columns.flat), *(f"the target ({target})" for target in targets)]
    features = len(columns.features) if takes.missing else 0
    bad = [
        infinite + (0 if place < features else nan)
        for place, (nan, infinite) in enumerate(zip(look.nan, look.infinite, strict=True))
    ]
    if any(bad):
        counts = ", ".join(f"{name} ({n:,})" for name, n in zip(names, bad, strict=True) if n)
        raise RunError(
            f"columns that {takes.who} cannot take are NaN or infinite: {counts} of {look.rows:,} rows; "
            "leave these features out of the model's set, or cut such rows in the processor"
        )


def _require_labels(look: Look, columns: Columns, target: str) -> None:
    expected = range(columns.classes or 0)
    if wrong := sorted(label for label in look.labels if label not in expected):
        raise RunError(
            f"column {target} holds labels {listing(f'{label:g}' for label in wrong)} in "
            f"{sum(look.labels[label][0] for label in wrong):,} of {look.rows:,} rows; "
            f"expected 0 to {len(expected) - 1}, as the loss has {len(expected)} classes"
        )


def _require_lists(look: Look, columns: Columns) -> None:
    for name in columns.jagged:
        low, high = look.lists.get(name, (0.0, 0.0))
        if low == high:
            raise RunError(
                f"column {name} is the same ({low:g}) in all lists of the training rows, or all are empty; "
                "leave it out of the network's sequences"
            )


def _require_target(look: Look, columns: Columns, targets: Sequence[str]) -> None:
    """Raise RunError where the target is constant; of a vector some components, but not all, may be."""
    low, high = look.low[-len(targets) :], look.high[-len(targets) :]
    if not columns.classes and low == high:
        named = ", ".join(f"{name} ({value:g})" for name, value in zip(targets, low, strict=True))
        raise RunError(
            f"the target is the same in all {look.rows:,} training rows, and there is nothing to learn: {named}"
        )


def _require_weight(look: Look, columns: Columns, takes: Takes, split: SplitName) -> None:
    if not columns.weight:
        return
    name = _called(columns.weight)
    if look.negative and not takes.negative:
        raise RunError(
            f"column {name} holds {look.negative:,} negative weights among {look.rows:,} {split} rows, and "
            f"{takes.who} cannot take them: "
            + (
                "expected 'negative: drop' or 'negative: absolute' under 'weight.training' of the job file"
                if columns.weight == WEIGHT
                else f"weigh by another column (|{name}|, made in the processor), cut such rows, or train a network, "
                "which can"
            )
        )
    if not look.weight > 0:
        raise RunError(
            f"column {name}: the weights of the {split} rows add up to {look.weight:g}: expected a sum above zero"
        )


def _constant(look: Look, columns: Columns, takes: Takes) -> list[str]:
    """Return a remark on constant features; raises RunError where the model does not accept them, or all are so."""
    place = range(len(columns.features))
    same = [i for i in place if look.nan[i] == look.rows or (not look.nan[i] and look.low[i] == look.high[i])]
    if not same:
        return []
    named = ", ".join(f"{columns.features[i]} ({'NaN' if look.nan[i] else format(look.low[i], 'g')})" for i in same)
    said = f"features that are the same in all {look.rows:,} training rows: {named}; leave these out of the model's set"
    if takes.constant and len(same) < len(columns.features):
        return [said]
    raise RunError(said)


def _weightless(look: Look, columns: Columns, target: str) -> list[str]:
    """Return a remark on classes whose sum of weights is not above zero, of which nothing is learnt."""
    none = [label for label, (_, weight) in sorted(look.labels.items()) if weight <= 0]
    if not (columns.weight and none):
        return []
    told = listing(f"{label:g}" for label in none)
    return [f"the weights ({_called(columns.weight)}) of class {told} of {target} do not add up to more than zero"]


def _called(name: str) -> str:
    return "of the weight" if name == WEIGHT else name
