"""Ranks that fit trees together, by XGBoost's collective. This module imports xgboost; import it where it is used."""

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

#: Seconds without a word from another rank after which it is taken for lost.
_PATIENCE = 1800
_LOOK_EVERY = 0.1

T = TypeVar("T")


@contextmanager
def meet(rank: int, size: int) -> Iterator[None]:
    """Within it, matrices and trees are those of the rows of all ranks; where they meet is said in a file."""
    meeting = Path(os.environ["LINESHAPE_MEETING"] + ".json")
    tracker = None
    if rank == 0:
        # Sorted by task, so that the same rows are the same rank's each time.
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
    """What each rank has, in their order."""
    from xgboost import collective

    return [collective.broadcast(own, rank) for rank in range(collective.get_world_size())]
