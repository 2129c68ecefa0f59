"""Define the base class of what finds a file's sum of generated weights, from before any selection."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

import numpy as np

from lineshape.engine.core.errors import DataError, listing
from lineshape.engine.core.role import Role
from lineshape.engine.core.settings import Settings

if TYPE_CHECKING:
    import uproot
    from numpy.typing import NDArray


class GeneratedSum(Settings, ABC):
    """Base class of what finds the sum of the weights of all generated events behind a file."""

    @abstractmethod
    def of(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the sum of an open file.

        path: of the file, for messages. entries: number in the tree that the sample reads.

        Raises DataError where the file does not have it.
        """

    def checked(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the sum; raise DataError where it is not there, or no finite number above zero."""
        found = self.of(file, path, entries)
        # A file without generated events has nothing to add.
        if not np.isfinite(found) or found < 0 or (found == 0 and entries):
            raise DataError(f"{path}: its sum of generated weights is {found:g}: expected a number above zero")
        return found


#: What finds sums of generated weights, by kind.
GENERATED: Final = Role(
    "sum of generated weights", "lineshape.engine.input.generated_sums", GeneratedSum, "weight.generated"
)


def values_of(file: "uproot.ReadOnlyDirectory", path: str, tree: str, branch: str) -> "NDArray[np.float64]":
    """Return all numbers of a branch of a tree; raise DataError where there is no such tree or branch."""
    import awkward as ak

    names = file.keys(recursive=False, cycle=False)
    if tree not in names:
        raise DataError(
            f"{path}: there is no '{tree}', which has the sum of generated weights; there are "
            f"{listing(dict.fromkeys(names))}"
        )
    found = file[tree]
    keys = found.keys(full_paths=False)
    if branch not in keys:
        raise DataError(
            f"{path}: tree {tree} has no branch '{branch}', the sum of generated weights; it has {listing(keys)}"
        )
    return np.asarray(ak.to_numpy(ak.flatten(found[branch].array(), axis=None)), dtype=np.float64)
