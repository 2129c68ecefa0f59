"""Record which events were seen in training, by models and by bundles that derived columns come from."""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.settings import Settings
from lineshape.engine.core.split import AnyDivision, Division


class Seen(Settings):
    """The splits of all trainings that a model or column depends on."""

    own: AnyDivision | None = None
    """Split of its own training; null where nothing was trained."""
    through: tuple[AnyDivision, ...] = ()
    """Splits of the bundles that its derived input columns come from."""
    unknown: tuple[str, ...] = ()
    """Bundles behind it that do not record which split they were trained with."""

    @classmethod
    def behind(cls, own: AnyDivision | None, columns: Iterable["Seen"]) -> Self:
        """Return the record of a training with its own split, on columns with these records."""
        columns = list(columns)
        splits = dict.fromkeys(split for each in columns for split in each.splits)
        return cls(own=own, through=tuple(splits), unknown=tuple(sorted({name for s in columns for name in s.unknown})))

    @property
    def splits(self) -> tuple[AnyDivision, ...]:
        """All these splits, without duplicates."""
        own = (self.own,) if self.own else ()
        return tuple(dict.fromkeys([*own, *self.through]))


def unseen(splits: Sequence[Division], event: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return a mask of the events in the test part of every split, which no training has seen."""
    good = np.ones(len(event), dtype=bool)
    for split in splits:
        good &= split.of(event)["test"]
    return good
