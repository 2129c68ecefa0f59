"""How far the mean response is from one, in slices of the true quantity."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class ResponsePenalty(Penalty):
    """Squared distance of ⟨prediction / target⟩ from 1, averaged over slices of equal numbers of rows.

    A squared error alone pulls small targets up and large ones down, towards the mean. Rows are sorted by `column`,
    which is the true quantity, and cut into `slices`. smallest: targets nearer to zero are left out.
    """

    column: str
    slices: Annotated[int, Field(gt=0)] = 8
    smallest: Annotated[float, Field(gt=0)] = 1e-3

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that the slices are of."""
        return (self.column,)

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Mean over the slices."""
        import torch

        used = batch.target.abs() > self.smallest
        order = batch.columns[self.column][used].argsort()
        response = (outputs["target"][used] / batch.target[used])[order]
        weight = batch.weight[used][order]
        parts = zip(response.tensor_split(self.slices), weight.tensor_split(self.slices), strict=True)
        off = [((r * w).sum() / w.sum() - 1) ** 2 for r, w in parts if len(r)]
        return torch.stack(off).mean() if off else outputs["target"].sum() * 0
