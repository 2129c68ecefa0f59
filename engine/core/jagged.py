"""Jagged arrays, lists of numbers of varying length as read from a shard: tracks and clusters of each object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import awkward as ak


@dataclass(frozen=True)
class Jagged:
    """n lists of varying length, stored one after the other.

    offsets: (n + 1,), list i being content[offsets[i]:offsets[i + 1]]. content: (total,) or (total, columns).
    """

    offsets: NDArray[np.int64]
    content: NDArray[Any]

    @classmethod
    def counted(cls, counts: NDArray[Any], content: NDArray[Any]) -> "Jagged":
        """Return the array with these list lengths and this content."""
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), content)

    @classmethod
    def of(cls, values: Any) -> "Jagged":
        """Return the array of an awkward array of lists, or of a value that can be converted to one."""
        import awkward as ak

        values = ak.Array(values)
        return cls.counted(ak.to_numpy(ak.num(values)), ak.to_numpy(ak.flatten(values)))

    @classmethod
    def joined(cls, parts: "Sequence[Jagged]") -> "Jagged":
        """Return the concatenation of several arrays."""
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        content = np.concatenate([part.content[part.offsets[0] : part.offsets[-1]] for part in parts])
        return cls.counted(counts, content)

    def to_awkward(self) -> "ak.Array":
        """Return an awkward array; content of several columns becomes a list of lists."""
        import awkward as ak

        return ak.unflatten(ak.Array(self.content[self.offsets[0] : self.offsets[-1]]), np.diff(self.offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: NDArray[Any]) -> "Jagged":
        """Return some of the lists, selected by a mask or by their indices."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        counts = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # Index in the old content of each element of the new one.
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], counts)
        return Jagged(offsets, self.content[places])
