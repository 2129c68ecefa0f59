"""Find the sum of generated weights in a histogram of the file."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.core.errors import DataError, listing
from lineshape.engine.input.generated_sum import GeneratedSum

if TYPE_CHECKING:
    import uproot


class HistogramBin(GeneratedSum):
    """The content of one bin of a histogram, or of all its bins together."""

    histogram: str
    """Path of the histogram in the file."""
    bin: Annotated[int, Field(gt=0)] | None = None
    """Number of the bin, from 1 as in ROOT; null: all bins together, without underflow and overflow."""

    def of(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the content."""
        found = file.get(self.histogram)
        if found is None or not hasattr(found, "values"):
            names = listing(name for name, kind in file.classnames(cycle=False).items() if kind.startswith("TH"))
            raise DataError(
                f"{path}: there is no histogram '{self.histogram}', which has the sum of generated weights; "
                f"{f'there are {names}' if names else 'there is none'}"
            )
        contents = found.values().ravel()
        if self.bin is None:
            return float(contents.sum())
        if self.bin > len(contents):
            raise DataError(f"{path}: histogram {self.histogram} has {len(contents)} bins, and no bin {self.bin}")
        return float(contents[self.bin - 1])
