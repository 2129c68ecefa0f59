"""Define the base class of weights, which are computed for each row after a pass over all training rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.errors import RunError
from lineshape.engine.core.kinds import KindSpec
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings

#: Name, among the columns of a training, of a weight that a kind computes.
WEIGHT = "(weight)"
#: Function from columns of n rows to their weights (n,).
Weigh = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.float64]]


def require_labels(name: str, labels: NDArray[Any]) -> None:
    """Raise RunError where labels are not integers, as a row that is of no class would be given no weight."""
    good = np.isfinite(labels) & (labels == np.round(labels))
    if bad := int((~good).sum()):
        example = labels[~good][0]
        raise RunError(
            f"column {name}: {bad:,} of {len(labels):,} rows have no whole number as their class, such as {example:g}"
        )


class Weight(Settings, ABC):
    """Base class of weights."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Columns of the feature store that the weight is computed from."""

    @abstractmethod
    def fit(self, tables: Iterable[Mapping[str, NDArray[Any]]]) -> Weigh:
        """Return the function that weights rows, fitted to the training rows, which come shard by shard.

        Raises RunError where no weights can be found from them.
        """


#: Weights, by kind.
WEIGHTS: Final = Role("weight", "lineshape.engine.learning.weights", Weight, "models.*.weight")


def built_weight(weight: str | KindSpec | dict[str, Any] | None) -> Weight | None:
    """Build the kind that a model's `weight` names; return None where it is a column, or there is none."""
    if weight is None or isinstance(weight, str):
        return None
    spec = weight if isinstance(weight, KindSpec) else KindSpec(**weight)
    return WEIGHTS.build(spec, ("weight",))


def weight_column(weight: str | KindSpec | None) -> str | None:
    """Return the name of the weight among the columns of a training, None where rows have none."""
    return weight if weight is None or isinstance(weight, str) else WEIGHT


def weight_reads(weight: str | KindSpec | None) -> tuple[str, ...]:
    """Return the columns of the feature store that the weight is computed from."""
    kind = built_weight(weight)
    if kind:
        return kind.columns
    return (weight,) if isinstance(weight, str) else ()
