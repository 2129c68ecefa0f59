"""Penalise the distance correlation of an output with a column.

Sources: G. Székely et al., 2007; G. Kasieczka and D. Shih, 2020.
"""

from typing import TYPE_CHECKING

from lineshape.engine.learning.roles.penalty import Penalty

if TYPE_CHECKING:
    from torch import Tensor

    from lineshape.engine.learning.blocks.batch import Batch


class DistanceCorrelation(Penalty):
    """dCorr²(output, column) of a batch: 0 where the two are independent, 1 where one follows from the other.

    It is the biased form, whose value for independent numbers is about 3/n for a batch of n rows. It holds n² numbers
    in memory.
    """

    column: str
    """Column of the feature store that the output should be independent of."""
    of: str = "target"
    """Network output that should be independent of the column; a classifier's `target` is its probability."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Name of the penalised output."""
        return (self.of,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of the column that the output should be independent of."""
        return (self.column,)

    def __call__(self, outputs: "dict[str, Tensor]", batch: "Batch", scale: "Tensor") -> "Tensor":
        """Return dCov²(x, y) / √(dCov²(x, x) dCov²(y, y)), each row with its weight."""
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
