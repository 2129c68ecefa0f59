"""Compute the cross-entropy of a classifier with one logit for each class."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lineshape.engine.learning.roles.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor


class CategoricalCrossEntropy(Loss):
    """Categorical cross-entropy; the target is the number of the class, 0 to `number` − 1."""

    needs: ClassVar[tuple[str, ...]] = ("logits",)

    number: Annotated[int, Field(gt=1)]
    """Number of classes, which is the number of the network's logits."""

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.number

    def __call__(self, outputs: "dict[str, Tensor]", target: "Tensor", scale: "Tensor") -> "Tensor":
        """Return the cross-entropy of each row, (n,), in nats, computed from the logits."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(outputs["logits"], target.long(), reduction="none")
