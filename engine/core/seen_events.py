"""Which events were seen in training: by models, and by bundles that gave columns to what is measured."""

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineshape.engine.core.settings import Settings
from lineshape.engine.core.split import Split


class Seen(Settings):
    """What is remembered of all trainings that something depends on.

    own: the split of its own training, None where nothing was trained. through: those of bundles that columns which it
    was made from come from. unknown: bundles that do not remember theirs.
    """

    own: Split | None = None
    through: tuple[Split, ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def behind(cls, own: Split | None, columns: Iterable["Seen"]) -> Self:
        """Of a training with a split of its own, on columns of which this is remembered."""
        columns = list(columns)
        splits = dict.fromkeys(split for each in columns for split in each.splits)
        return cls(own=own, through=tuple(splits), unknown=tuple(sorted({name for s in columns for name in s.unknown})))

    @property
    def splits(self) -> tuple[Split, ...]:
        """All of them, each once."""
        own = (self.own,) if self.own else ()
        return tuple(dict.fromkeys([*own, *self.through]))


def unseen(splits: Sequence[Split], event: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which events are of the test part of every split: no training looked at them, whatever each one's fractions."""
    good = np.ones(len(event), dtype=bool)
    for split in splits:
        good &= split.of(event)["test"]
    return good
