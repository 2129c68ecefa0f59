"""Small trainings of networks in the process of the Dask worker itself, which knows torch already.

A process of its own costs seconds before its first batch. It is worth them where there is much to lose: where it is
killed, its worker goes on, and a GPU's memory comes back when it ends.
"""

from threading import Lock
from typing import Final

import torch

from lineshape.engine.learning.fit.fitted_network import FittedNetwork
from lineshape.engine.learning.launch.network_rank import take_part
from lineshape.engine.learning.roles.model import Report
from lineshape.engine.learning.roles.training_task import TrainingTask

#: Rows times epochs that take a network of usual size some seconds.
_SMALL: Final = 1_000_000
#: The generator of random numbers is the process's, so that of a worker's threads one trains at a time.
_ONE_AT_A_TIME: Final = Lock()


def fits_in_worker(model: FittedNetwork, work: TrainingTask, rows: int) -> bool:
    """Return whether a training is of one rank, on a CPU, not compiled, and small or asked for here.

    rows: of the training split. One with a user's own code in it may end its process, or know an earlier state of that
    code from an earlier training: it has a process of its own. So has the compiler, with processes and files in memory.
    """
    alone = work.nodes == work.ranks == 1 and not work.gpu
    on_cpu = model.device == "cpu" or (model.device == "auto" and not torch.cuda.is_available())
    if not (alone and on_cpu) or model.compile != "none" or model.own_process:
        return False
    small = rows * sum(phase.epochs for phase in model.phases_of()) <= _SMALL
    ours = all(type(part).__module__.startswith("lineshape.") for part in model.parts())
    return model.own_process is False or (small and ours)


def train_in_worker(model: FittedNetwork, work: TrainingTask, report: Report) -> None:
    """Take part as the only rank."""
    with _ONE_AT_A_TIME:
        take_part(model, work, 0, 1, report)
