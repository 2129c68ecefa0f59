"""Connect ranks that fit trees together, by XGBoost's collective.

This module imports xgboost; import it where it is used.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from xgboost.collective import CommunicatorContext
from xgboost.tracker import RabitTracker

from lineshape.engine.core.files import write_json
from lineshape.engine.core.records import read_record

#: Timeout in seconds of communication with another rank, after which that rank is considered lost.
_PATIENCE = 1800
_LOOK_EVERY = 0.1

T = TypeVar("T")


@contextmanager
def meet(rank: int, size: int) -> Iterator[None]:
    """Connect the ranks: within the context, matrices and trees are of the rows of all ranks.

    The first rank starts XGBoost's tracker, and writes its address to a file that the others read.
    """
    meeting = Path(os.environ["LINESHAPE_MEETING"] + ".json")
    tracker = None
    if rank == 0:
        # Sorted by task, so that each rank has the same rows every time.
        tracker = RabitTracker(size, os.environ["LINESHAPE_HOST"], sortby="task", timeout=_PATIENCE)
        tracker.start()
        write_json(meeting, tracker.worker_args())
    while not meeting.is_file():  # if none comes, this process is ended by the one that started it
        time.sleep(_LOOK_EVERY)
    where = read_record(meeting, dict[str, Any], "run the same command again")
    with CommunicatorContext(**where, dmlc_task_id=f"{rank:06d}", dmlc_timeout=_PATIENCE):
        yield
    if tracker:
        tracker.wait_for()


def gather(own: T) -> list[T]:
    """Return the objects of all ranks, in the order of the ranks."""
    from xgboost import collective

    return [collective.broadcast(own, rank) for rank in range(collective.get_world_size())]
