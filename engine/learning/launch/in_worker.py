"""Run small trainings of networks in the process of the Dask worker, which has already imported torch.

A process of its own costs seconds before its first batch. It is worth them for a long training: if the process is
killed, its worker goes on, and a GPU's memory is freed when it ends.
"""

from threading import Lock
from typing import Final

import torch

from lineshape.engine.learning.fit.fitted_network import FittedNetwork
from lineshape.engine.learning.launch.network_rank import take_part
from lineshape.engine.learning.roles.model import Report
from lineshape.engine.learning.roles.training_task import TrainingTask

#: Rows times epochs up to which a training is small: a network of usual size takes some seconds.
_SMALL: Final = 1_000_000
#: The random number generator belongs to the process, so that one of a worker's threads trains at a time.
_ONE_AT_A_TIME: Final = Lock()


def fits_in_worker(model: FittedNetwork, work: TrainingTask, rows: int) -> bool:
    """Return whether a training has one rank, on a CPU, is not compiled, and is small or has `own_process: false`.

    rows: number of training rows. By default a training with a user's own code has a process of its own, as the code
    may end its process, or be imported already in an earlier state. So has a compiled one, as torch's compiler starts
    processes and keeps files in memory.
    """
    alone = work.nodes == work.ranks == 1 and not work.gpu
    on_cpu = model.device == "cpu" or (model.device == "auto" and not torch.cuda.is_available())
    if not (alone and on_cpu) or model.compile != "none" or model.own_process:
        return False
    small = rows * sum(phase.epochs for phase in model.phases_of()) <= _SMALL
    ours = all(type(part).__module__.startswith("lineshape.") for part in model.parts())
    return model.own_process is False or (small and ours)


def train_in_worker(model: FittedNetwork, work: TrainingTask, report: Report) -> None:
    """Train as the only rank."""
    with _ONE_AT_A_TIME:
        take_part(model, work, 0, 1, report)
