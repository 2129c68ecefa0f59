"""Define the batches that networks are trained on. This module imports torch; import it where it is used."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Sequence:
    """Padded lists of objects: values (n, most, columns), zero where there is no object, and mask (n, most)."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Batch:
    """Batch of n rows.

    x: features (n, features). target: (n,), or (n, components) for a vector. weight: (n,), 1 on average over the
    training rows. columns: further columns that losses read, each (n,). sequences: tracks, clusters …, by name.
    """

    x: Tensor
    target: Tensor
    weight: Tensor
    columns: dict[str, Tensor] = field(default_factory=dict)
    sequences: dict[str, Sequence] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)
