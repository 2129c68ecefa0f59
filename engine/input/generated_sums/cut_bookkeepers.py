"""Find the sum of generated weights in the cut bookkeepers of ATLAS's formats."""

from typing import TYPE_CHECKING

from lineshape.engine.core.errors import DataError
from lineshape.engine.input.generated_sum import GeneratedSum, values_of

if TYPE_CHECKING:
    import uproot

_TREE, _BRANCH = "MetaData", "CutBookkeepersAux."


class CutBookkeepers(GeneratedSum):
    """The sum of weights that ATLAS's derivations record of all events that they read.

    Of the bookkeepers with this name and stream, the one with the highest cycle counts.
    """

    name: str = "AllExecutedEvents"
    """Name of the bookkeeper."""
    stream: str = "StreamAOD"
    """Stream of events that the derivation read."""

    def of(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the sum of the bookkeeper."""
        names, streams = (_texts(file, path, name) for name in ("name", "inputStream"))
        cycles, sums = (values_of(file, path, _TREE, _BRANCH + name) for name in ("cycle", "sumOfEventWeights"))
        own = [i for i, of in enumerate(zip(names, streams, strict=True)) if of == (self.name, self.stream)]
        if not own:
            there = sorted({of for of in zip(names, streams, strict=True) if of[0] == self.name})
            raise DataError(
                f"{path}: there is no cut bookkeeper {self.name} of stream {self.stream}, which has the sum of "
                f"generated weights; of this name there are those of {', '.join(of[1] for of in there) or 'no stream'}"
            )
        return float(sums[max(own, key=lambda i: cycles[i])])


def _texts(file: "uproot.ReadOnlyDirectory", path: str, name: str) -> list[str]:
    """Return the texts of a branch of the bookkeepers; raise DataError where there is none."""
    try:
        found = file[_TREE][_BRANCH + name].array()
    except KeyError as error:
        raise DataError(
            f"{path}: it has no {_TREE} with {_BRANCH}{name}, the cut bookkeepers with the sum of generated weights"
        ) from error
    return [text for entry in found.to_list() for text in entry]
