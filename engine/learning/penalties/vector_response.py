"""How far the response along a true vector is from one."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lineshape.engine.learning.penalties.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.batch import Batch


class VectorResponse(Penalty):
    """⟨(1 − r)²⟩ with r the part of the estimate along the true vector over its length.

    A squared error alone makes vectors smaller that are known badly. smallest: shorter true vectors are left out, as
    one over their length has no end.

    Source: hadronic recoil of the W (M. Khandoga, 2020), whose slide writes the bias where the response makes sense.
    """

    smallest: Annotated[float, Field(gt=0)] = 1.0

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Mean over the rows."""
        estimate, true = outputs["target"], batch.target
        squared = (true**2).sum(dim=1)
        used = squared > self.smallest**2
        response = (estimate * true).sum(dim=1)[used] / squared[used]
        if not len(response):
            return estimate.sum() * 0
        return ((response - 1) ** 2 * batch.weight[used]).mean()
