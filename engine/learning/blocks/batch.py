"""What a network is shown at once. This module imports torch; import it where it is used."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Sequence:
    """Lists of objects, padded: values (n, most, columns), zero where there is none, and mask (n, most)."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Batch:
    """N rows.

    x: features (n, features). target: (n,), or (n, components) of a vector. weight: (n,), 1 on average over the
    training rows. columns: others that a loss looks at, each (n,). sequences: of tracks, clusters …, by name.
    """

    x: Tensor
    target: Tensor
    weight: Tensor
    columns: dict[str, Tensor] = field(default_factory=dict)
    sequences: dict[str, Sequence] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)
