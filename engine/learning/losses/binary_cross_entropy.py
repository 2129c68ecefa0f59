"""Binary cross-entropy of a classifier with one logit."""

from typing import TYPE_CHECKING, ClassVar

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class BinaryCrossEntropy(Loss):
    """The target is 0 (background) or 1 (signal)."""

    needs: ClassVar[tuple[str, ...]] = ("logits",)

    @property
    def classes(self) -> int:
        """Background and signal."""
        return 2

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """In nats, from the logit."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(outputs["logits"][:, 0], target, reduction="none")
