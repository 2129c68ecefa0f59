"""Reduce values over the ranks that train together. This module imports torch; import it where it is used."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class ProcessGroup:
    """Group of ranks as seen by one: its rank, the group's size, and its device; one alone communicates nothing."""

    rank: int
    size: int
    device: torch.device

    def together(self, module: nn.Module) -> nn.Module:
        """Return the module, wrapped so that its gradients are averaged over the ranks."""
        if self.size == 1:
            return module
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, devices, broadcast_buffers=False)

    def least(self, number: int) -> int:
        """Return the minimum over the ranks."""
        return int(self._reduce(torch.tensor(number, device=self.device), dist.ReduceOp.MIN))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over the ranks."""
        return self._reduce(values, dist.ReduceOp.SUM)

    def share(self, module: nn.Module) -> None:
        """Average the running means and variances of batch norms, which each rank computes from its own rows."""
        for part in module.modules() if self.size > 1 else ():
            if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
                assert part.running_var is not None
                for buffer in (part.running_mean, part.running_var):
                    dist.all_reduce(buffer)
                    buffer.div_(self.size)

    def _reduce(self, values: Tensor, how: "dist.ReduceOp.RedOpType") -> Tensor:
        if self.size > 1:
            dist.all_reduce(values, how)
        return values
