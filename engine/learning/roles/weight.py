"""What a weight is: settings that say how much each row counts, once all of them have been seen."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec, build
from lineshape.engine.core.settings import Settings

#: Name of the weight that a kind gives among the columns of a training.
WEIGHT = "(weight)"
#: From columns of n rows to their weights (n,).
Weigh = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.float64]]


def require_labels(name: str, labels: NDArray[Any]) -> None:
    """Raise RunError where labels are not whole numbers: a row whose label is of no class would count for nothing."""
    good = np.isfinite(labels) & (labels == np.round(labels))
    if bad := int((~good).sum()):
        example = labels[~good][0]
        raise RunError(
            f"column {name}: {bad:,} of {len(labels):,} rows have no whole number as their class, such as {example:g}"
        )


class Weight(Settings, ABC):
    """A kind of weight."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that it looks at."""

    @abstractmethod
    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """How rows are weighed, from the training rows, shard by shard.

        Raises RunError where they do not say.
        """


def built_weight(weight: str | KindSpec | dict[str, Any] | None) -> Weight | None:
    """The kind that a model's `weight` names with its settings; None where it is a column, or there is none."""
    if weight is None or isinstance(weight, str):
        return None
    spec = weight if isinstance(weight, KindSpec) else KindSpec(**weight)
    return build("lineshape.engine.learning.weights", Weight, spec, ("weight",))


def weight_column(weight: str | KindSpec | None) -> str | None:
    """The name of the weight among the columns of a training, None where rows have none."""
    return weight if weight is None or isinstance(weight, str) else WEIGHT


def weight_reads(weight: str | KindSpec | None) -> tuple[str, ...]:
    """Columns of the feature store that the weight is made of."""
    kind = built_weight(weight)
    if kind:
        return kind.columns
    return (weight,) if isinstance(weight, str) else ()
