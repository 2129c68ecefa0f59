"""Run one rank of a training, as a process that `launch` starts.

    python -m lineshape.engine.learning.launch.rank WORK.json

The environment variables RANK, LOCAL_RANK and WORLD_SIZE give its place among the others. It ends when its standard
input is closed.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from threading import Thread

from lineshape.engine.core.errors import LineshapeError, plainly
from lineshape.engine.core.module_paths import search_like_parent
from lineshape.engine.learning.launch.launch import failure_file, trouble_file
from lineshape.engine.learning.roles.model import MODELS
from lineshape.engine.learning.roles.training_task import TrainingTask


def main(order: Path) -> None:
    """Train as one rank; a failure is written to a file for the worker that started this process."""
    Thread(target=_end_with_parent, daemon=True).start()
    search_like_parent()
    work = TrainingTask.load(order)
    rank = int(os.environ["RANK"])
    model = MODELS.build(work.model, ("models", work.name))
    try:
        model.take_part(work, rank, int(os.environ["WORLD_SIZE"]), _tell if rank == 0 else lambda *_: None)
    except LineshapeError as error:
        failure_file(work, rank).write_text(str(error), encoding="utf-8")
        sys.exit(1)
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{plainly(error)} ({place.filename}, line {place.lineno})"
        trouble_file(work, rank).write_text(said, encoding="utf-8")
        raise


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


def _tell(done: float, total: float, note: str) -> None:
    sys.stdout.write(json.dumps([done, total, note]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
