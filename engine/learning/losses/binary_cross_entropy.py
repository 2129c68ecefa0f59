"""Compute the binary cross-entropy of a classifier with one logit."""

from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy; the target is 0 (background) or 1 (signal)."""

    needs: ClassVar[tuple[str, ...]] = ("logits",)

    @property
    def classes(self) -> int:
        """Number of classes: background and signal."""
        return 2

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return the cross-entropy of each row, (n,), in nats, computed from the logit."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(outputs["logits"][:, 0], target, reduction="none")
