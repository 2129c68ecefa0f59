"""Weight rows by the job's own weight, in the trainings as in the figures."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.row_weight import EVENT_WEIGHT
from lineshape.engine.learning.roles.weight import Weigh, Weight, built_weight, require_labels


class EventWeights(Weight):
    """The weight of the job file's `weight`, with a mean of 1 over the training rows.

    A job with a `weight` gives it to every model that is trained; `weight.training` has the settings of all of them.
    """

    negative: Literal["refuse", "keep", "drop", "absolute"] = "refuse"
    """Negative weights: refuse them; keep them, for networks; drop: such rows count nothing; absolute: without sign."""
    classes: str | None = None
    """Column of classes, each of which gets the same sum of weights; null: weights are not balanced."""
    times: str | KindSpec | None = None
    """Weight that it is multiplied with: a column, or a kind that computes it; null: none."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the weight's column, of that of classes, and of those of the other weight."""
        kind = built_weight(self.times)
        others = kind.columns if kind else (self.times,) if isinstance(self.times, str) else ()
        return tuple(dict.fromkeys([EVENT_WEIGHT, *([self.classes] if self.classes else []), *others]))

    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """Add up the weights, of each class where they are balanced, and return the function that gives those of rows.

        Raises RunError where weights are negative and it is not said what to do with them, or where those of a class do
        not add up to more than zero.
        """
        kept = list(tables) if built_weight(self.times) else tables
        other = self._other(kept)
        sums: dict[int, float] = {}
        rows = negative = 0
        for table in kept:
            weight = self._treated(table) * other(table)
            labels = self._labels(table)
            rows, negative = rows + len(weight), negative + int((table[EVENT_WEIGHT] < 0).sum())
            for label in np.unique(labels):
                sums[int(label)] = sums.get(int(label), 0.0) + float(weight[labels == label].sum())
        if negative and self.negative == "refuse":
            raise RunError(
                f"{negative:,} of {rows:,} training rows have negative weights: expected 'negative: drop', 'negative: "
                "absolute' or, for networks alone, 'negative: keep' under 'weight.training' of the job file"
            )
        if rows and (bad := [label for label, total in sums.items() if not total > 0]):
            of = f" of class {bad[0]} of {self.classes}" if self.classes else ""
            raise RunError(f"the weights of the training rows{of} add up to {sums[bad[0]]:g}: expected more than zero")
        scales = {label: rows / len(sums) / total for label, total in sums.items()}

        def weigh(table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
            found, labels = self._treated(table) * other(table), self._labels(table)
            scale = np.zeros(len(found))
            for label, each in scales.items():
                scale[labels == label] = each
            return np.asarray(found * scale)

        return weigh

    def _treated(self, table: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the weights as trainings take them."""
        weight = np.asarray(table[EVENT_WEIGHT], dtype=np.float64)
        if self.negative == "drop":
            return weight.clip(0, None)
        return np.abs(weight) if self.negative == "absolute" else weight

    def _labels(self, table: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        if self.classes is None:
            return np.zeros(len(table[EVENT_WEIGHT]), dtype=np.int64)
        require_labels(self.classes, table[self.classes])
        return np.asarray(table[self.classes], dtype=np.int64)

    def _other(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """Return the function that gives the weights to multiply with."""
        kind = built_weight(self.times)
        if kind:
            return kind.fit(tables)
        if isinstance(self.times, str):
            name = self.times
            return lambda table: np.asarray(table[name], dtype=np.float64)
        return lambda table: np.ones(len(table[EVENT_WEIGHT]))
