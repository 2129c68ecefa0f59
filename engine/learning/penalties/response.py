"""Penalise a mean response that differs from one, in slices of the true quantity."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class ResponsePenalty(Penalty):
    """Squared distance of ⟨prediction / target⟩ from 1, averaged over slices with equal numbers of rows.

    A squared error alone pulls small targets up and large ones down, towards the mean.
    """

    column: str
    """Column of the true quantity, by which the rows of a batch are sorted before they are cut into slices."""
    slices: Annotated[int, Field(gt=0)] = 8
    """Number of slices that a batch is cut into, with equal numbers of rows."""
    smallest: Annotated[float, Field(gt=0)] = 1e-3
    """Size of the target, in its own unit, up to which rows are left out, as the ratio diverges at zero."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of the column that defines the slices."""
        return (self.column,)

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Return the mean of the squared distances over the slices; 0 where no row is used."""
        import torch

        used = batch.target.abs() > self.smallest
        order = batch.columns[self.column][used].argsort()
        response = (outputs["target"][used] / batch.target[used])[order]
        weight = batch.weight[used][order]
        parts = zip(response.tensor_split(self.slices), weight.tensor_split(self.slices), strict=True)
        off = [((r * w).sum() / w.sum() - 1) ** 2 for r, w in parts if len(r)]
        return torch.stack(off).mean() if off else outputs["target"].sum() * 0
