"""Which columns of the feature store a training reads, and what each is for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Which columns a training needs.

    features: of x. others: what losses, penalties and samplers look at. weight: of each row. sequences: columns of each
    kind of list (tracks, clusters). classes: how many the target numbers, None where it is a quantity.
    """

    features: tuple[str, ...]
    others: tuple[str, ...] = ()
    weight: str | None = None
    sequences: tuple[tuple[str, tuple[str, ...]], ...] = ()
    classes: int | None = None

    @property
    def flat(self) -> tuple[str, ...]:
        """Those with one value a row."""
        return tuple(dict.fromkeys([*self.features, *self.others, *([self.weight] if self.weight else [])]))

    @property
    def jagged(self) -> tuple[str, ...]:
        """Those with a list in each row."""
        return tuple(dict.fromkeys(name for _, names in self.sequences for name in names))
