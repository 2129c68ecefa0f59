"""Combine networks and their losses in one module. This module imports torch; import it where it is used."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Set

from torch import Tensor, nn

from lineshape.engine.learning.blocks.batch import Batch
from lineshape.engine.learning.fit.shapes import require_number, require_outputs, require_rows
from lineshape.engine.learning.roles.loss import Loss
from lineshape.engine.learning.roles.penalty import Penalty


class Learner(nn.Module, ABC):
    """Base class of learners: named networks, and the named losses of a batch.

    networks: networks by name; the first is the one that the bundle predicts with.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)

    @abstractmethod
    def losses(self, batch: Batch, names: Set[str]) -> dict[str, Tensor]:
        """Return at least these losses by name, each averaged over the batch with its weights."""

    @property
    def predicting(self) -> nn.Module:
        """Network that the bundle predicts with."""
        return next(iter(self.networks.values()))

    @property
    def beside(self) -> dict[str, nn.Module]:
        """Further networks that the bundle holds, in files of their names; none by default."""
        return {}


class Supervised(Learner):
    """One network whose outputs are compared with the target."""

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        penalties: Mapping[str, Penalty],
        scale: Tensor,
        metrics: Mapping[str, Loss] | None = None,
    ) -> None:
        super().__init__({"network": network})
        self._loss, self._penalties, self._metrics = loss, dict(penalties), dict(metrics or {})
        self.register_buffer("scale", scale)

    def losses(self, batch: Batch, names: Set[str]) -> dict[str, Tensor]:
        """Return `loss`, and each penalty and metric in `names`, averaged over the batch with its weights."""
        return self.judge(self.predict(batch), batch, names)

    def predict(self, batch: Batch) -> dict[str, Tensor]:
        """Return the network's outputs, in float32 whatever precision the layers were computed in."""
        found = self.predicting(batch.x, batch.sequences)
        require_outputs(found, batch, self.predicting)
        return {name: values.float() for name, values in found.items()}

    def judge(self, outputs: dict[str, Tensor], batch: Batch, names: Set[str]) -> dict[str, Tensor]:
        """Return the losses of these outputs: `loss`, and each penalty and metric in `names`."""
        scale = self.get_buffer("scale")
        losses = {"loss": self._loss} | {name: metric for name, metric in self._metrics.items() if name in names}
        found = {}
        for name, loss in losses.items():
            values = loss(outputs, batch.target, scale)
            what = "the loss" if name == "loss" else f"metric '{name}'"
            found[name] = _weighed(require_rows(values, batch, what, loss, outputs), batch.weight)
        asked: dict[str, Callable[..., Tensor]] = {
            name: self._penalties[name] for name in self._penalties if name in names
        }
        for name, penalty in asked.items():
            found[name] = require_number(penalty(outputs, batch, scale), f"penalty '{name}'", penalty)
        return found


def _weighed(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean over the rows of a loss (n,), or (n, components) for a vector."""
    return ((values if values.dim() == 1 else values.mean(dim=1)) * weight).mean()
