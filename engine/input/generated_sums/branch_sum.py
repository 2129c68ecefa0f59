"""Find the sum of generated weights in a branch, such as that of NanoAOD's tree of runs."""

from typing import TYPE_CHECKING

from lineshape.engine.input.generated_sum import GeneratedSum, values_of

if TYPE_CHECKING:
    import uproot


class BranchSum(GeneratedSum):
    """The sum of a branch over all entries of a tree: of NanoAOD's Runs, of an ntuple's tree of metadata.

    Of the tree of events it is the sum over those in the file: right where no event was left out before.
    """

    tree: str = "Runs"
    """Name of the tree."""
    branch: str = "genEventSumw"
    """Name of the branch; the defaults are NanoAOD's."""

    def of(self, file: "uproot.ReadOnlyDirectory", path: str, entries: int) -> float:
        """Return the sum of the branch."""
        return float(values_of(file, path, self.tree, self.branch).sum())
