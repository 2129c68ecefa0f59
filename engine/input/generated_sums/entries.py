"""Take the number of a file's entries for the sum of generated weights."""

from typing import TYPE_CHECKING

from lineshape.engine.input.generated_sum import GeneratedSum

if TYPE_CHECKING:
    import uproot


class Entries(GeneratedSum):
    """The number of entries: right where every generated event is in the file, with weight 1."""

    def of(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the number of entries."""
        return float(entries)
