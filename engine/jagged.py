"""Lists of numbers of different lengths, as they come out of a shard: tracks and clusters of each object."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Jagged:
    """N lists, one after the other.

    offsets: (n + 1,), list i being content[offsets[i]:offsets[i + 1]]. content: (total,) or (total, columns).
    """

    offsets: NDArray[np.int64]
    content: NDArray[Any]

    @classmethod
    def of(cls, values: Any) -> "Jagged":
        """From an awkward array of lists, or what can be made one."""
        import awkward as ak

        values = ak.Array(values)
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(values)))])
        return cls(offsets.astype(np.int64), ak.to_numpy(ak.flatten(values)))

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
