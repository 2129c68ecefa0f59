"""Share of rows on the wrong side of a probability of one half; a metric, as nothing can be learnt from it."""

from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class BinaryError(Loss):
    """1 − accuracy; the target is 0 (background) or 1 (signal)."""

    needs: ClassVar[tuple[str, ...]] = ("logits",)

    @property
    def classes(self) -> int:
        """Background and signal."""
        return 2

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """1 for a row that is told wrongly, else 0."""
        return ((outputs["logits"][:, 0] > 0) != (target > 0.5)).float()
