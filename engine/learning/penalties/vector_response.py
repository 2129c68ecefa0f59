"""Penalise a response along the true vector that differs from one."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class VectorResponse(Penalty):
    """⟨(1 − r)²⟩ with r = u∥ / p, where u∥ is the estimate's component along the true vector and p the vector's length.

    A squared error alone shortens the estimates of vectors that are poorly measured.

    Source: hadronic recoil of the W (M. Khandoga, 2020), whose slide writes the bias where the response makes sense.
    """

    smallest: Annotated[float, Field(gt=0)] = 1.0
    """Length of the true vector, in the target's unit, up to which rows are left out, as r diverges at zero."""
    slices: Annotated[int, Field(ge=0)] = 0
    """Number of slices with equal numbers of rows that a batch, sorted by true length, is cut into; 0 takes r of each
    row. With slices r is the ratio of means in each, which has no spread that a smaller estimate would reduce.
    """

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Return the mean over the rows, or over the slices; 0 where no row is used."""
        import torch

        estimate, true = outputs["target"], batch.target
        length: Tensor = true.norm(dim=1)
        used = (length > self.smallest).nonzero()[:, 0]
        if not len(used):
            return estimate.sum() * 0
        used = used[length[used].argsort()]
        length, weight = length[used], batch.weight[used]
        along = (estimate[used] * true[used]).sum(dim=1) / length
        if not self.slices:
            return ((along / length - 1) ** 2 * weight).mean()
        parts = (values.tensor_split(self.slices) for values in (along * weight, length * weight))
        off = [(u.sum() / p.sum() - 1) ** 2 for u, p in zip(*parts, strict=True) if len(p)]
        return torch.stack(off).mean()
