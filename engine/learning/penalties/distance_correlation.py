"""Distance correlation of the prediction with a column (G. Székely et al., 2007; G. Kasieczka and D. Shih, 2020)."""

from typing import TYPE_CHECKING

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class DistanceCorrelation(Penalty):
    """DCorr²(prediction, column) of a batch: 0 where they are independent, 1 where one follows from the other.

    It takes n² numbers of a batch of n rows. The biased form, whose value for independent numbers is about 3/n.
    of: the output that is to know nothing of the column; a classifier's is its probability.
    """

    column: str
    of: str = "target"

    @property
    def needs(self) -> tuple[str, ...]:
        """The output."""
        return (self.of,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """DCov²(x, y) / √(dCov²(x, x) dCov²(y, y)), each row with its weight."""
        import torch

        weight = batch.weight / batch.weight.sum()

        def centred(values: "Tensor") -> "Tensor":
            distance = (values[:, None] - values[None, :]).abs()
            row = distance @ weight
            return distance - row[:, None] - row[None, :] + weight @ row

        a, b = centred(outputs[self.of].float()), centred(batch.columns[self.column])
        covariance, first, second = (weight @ ((left * right) @ weight) for left, right in ((a, b), (a, a), (b, b)))
        # The limit for a prediction that is the same for all rows is 0, and its gradient must stay finite.
        return covariance / torch.sqrt((first * second).clamp(min=1e-12))
