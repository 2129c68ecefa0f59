"""Compute the share of rows that a binary classifier gets wrong: a metric only, as it has no gradient."""

from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class BinaryError(Loss):
    """Classification error (1 − accuracy) at a probability of one half; the target is 0 (background) or 1 (signal)."""

    needs: ClassVar[tuple[str, ...]] = ("logits",)

    @property
    def classes(self) -> int:
        """Number of classes: background and signal."""
        return 2

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return 1 for each row that is classified wrongly and 0 for each other, (n,)."""
        return ((outputs["logits"][:, 0] > 0) != (target > 0.5)).float()
