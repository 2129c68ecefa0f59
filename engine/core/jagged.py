"""Lists of numbers of different lengths, as they come out of a shard: tracks and clusters of each object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import awkward as ak


@dataclass(frozen=True)
class Jagged:
    """N lists, one after the other.

    offsets: (n + 1,), list i being content[offsets[i]:offsets[i + 1]]. content: (total,) or (total, columns).
    """

    offsets: NDArray[np.int64]
    content: NDArray[Any]

    @classmethod
    def counted(cls, counts: NDArray[Any], content: NDArray[Any]) -> "Jagged":
        """From the length of each list."""
        return cls(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), content)

    @classmethod
    def of(cls, values: Any) -> "Jagged":
        """From an awkward array of lists, or what can be made one."""
        import awkward as ak

        values = ak.Array(values)
        return cls.counted(ak.to_numpy(ak.num(values)), ak.to_numpy(ak.flatten(values)))

    @classmethod
    def joined(cls, parts: "Sequence[Jagged]") -> "Jagged":
        """The lists of several, one after the other."""
        counts = np.concatenate([np.diff(part.offsets) for part in parts])
        content = np.concatenate([part.content[part.offsets[0] : part.offsets[-1]] for part in parts])
        return cls.counted(counts, content)

    def to_awkward(self) -> "ak.Array":
        """As an awkward array; a content of several columns becomes a list of lists."""
        import awkward as ak

        return ak.unflatten(ak.Array(self.content[self.offsets[0] : self.offsets[-1]]), np.diff(self.offsets))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: NDArray[Any]) -> "Jagged":
        """Some of the lists, by a mask or by their numbers."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else rows
        counts = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        # Where in the content each of the new content's elements is.
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], counts)
        return Jagged(offsets, self.content[places])
