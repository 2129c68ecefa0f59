"""Define which columns of the feature store a training reads, and the use of each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Columns that a training reads.

    features: columns of x. others: columns that losses, penalties and samplers read. weight: column of the row weights.
    sequences: columns of each kind of list (tracks, clusters …). classes: number of classes of the target, None where
    it is a quantity.
    """

    features: tuple[str, ...]
    others: tuple[str, ...] = ()
    weight: str | None = None
    sequences: tuple[tuple[str, tuple[str, ...]], ...] = ()
    classes: int | None = None

    @property
    def flat(self) -> tuple[str, ...]:
        """Columns with one value per row."""
        return tuple(dict.fromkeys([*self.features, *self.others, *([self.weight] if self.weight else [])]))

    @property
    def jagged(self) -> tuple[str, ...]:
        """Columns with a list in each row."""
        return tuple(dict.fromkeys(name for _, names in self.sequences for name in names))
