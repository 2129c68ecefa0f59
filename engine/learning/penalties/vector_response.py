"""How far the response along a true vector is from one."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class VectorResponse(Penalty):
    """⟨(1 − r)²⟩ with r the part of the estimate along the true vector over its length.

    A squared error alone makes vectors smaller that are known badly. smallest: shorter true vectors are left out, as
    one over their length has no end. slices: of a batch, sorted by the true length: r is then the ratio of means in
    each, which has no spread that a smaller estimate lowers; 0 takes r of each row.

    Source: hadronic recoil of the W (M. Khandoga, 2020), whose slide writes the bias where the response makes sense.
    """

    smallest: Annotated[float, Field(gt=0)] = 1.0
    slices: Annotated[int, Field(ge=0)] = 0

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Mean over the rows, or over the slices."""
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
